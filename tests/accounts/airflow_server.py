"""A real api-server of Airflow with the FAB auth manager, as a facility runs it. Started by the fixtures of this folder."""

import hashlib
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import yaml

from ingest.local.environment import database_url
from ingest.local.layout import Layout
from tools.pacifica_core.environment import BUILD, PROJECT, install, make_once
from tools.stack import TIMEOUT_SECONDS, free_port
from tools.waiting import wait_until

COMPOSE = PROJECT / "docker-compose.accounts.yaml"
# The client for LDAP is compiled.
LDAP_HEADER = Path("/usr/include/ldap.h")
REQUIREMENTS = (
    PROJECT / "requirements-facility.txt",
    *([PROJECT / "facility" / "ldap" / "requirements.txt"] if LDAP_HEADER.exists() else []),
)
COMMAND_SECONDS, START_SECONDS, STOP_SECONDS = 300, 300, 30
SERVICE, SERVICE_PASSWORD = "ingest", "0123456789abcdef" * 4
COOKIE = "_token"
CSRF_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


def facility_binaries(folder: Path = BUILD / "facility") -> Path:
    """Return the folder with the programs of the facility's image; install them if they are not."""
    contents = hashlib.sha256(b"".join(path.read_bytes() for path in REQUIREMENTS)).hexdigest()
    make_once(folder, f"{folder} {contents}", lambda: install(folder / "venv", *REQUIREMENTS))
    return folder / "venv" / "bin"


def environment(home: Path, postgres: Layout, ledger: str, **more: str) -> dict[str, str]:
    """Return the variables that a facility's containers have, for programs of this machine."""
    inherited = {name: os.environ[name] for name in ("HOME", "PATH", "TMPDIR") if name in os.environ}
    return {
        **inherited,
        **compose_values(),
        "AIRFLOW_HOME": str(home),
        "PYTHONPATH": os.pathsep.join(str(PROJECT / name) for name in ("config", "facility", "plugins", "")),
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__FAB__CONFIG_FILE": str(PROJECT / "facility" / "accounts" / "webserver_config.py"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database_url(postgres, "airflow"),
        "AIRFLOW__API__SECRET_KEY": "0" * 64,
        "AIRFLOW__API_AUTH__JWT_SECRET": "1" * 64,
        "AIRFLOW_LOG_IN": "proxy",
        "INGEST_DATABASE_URL": ledger,
        "INGEST_AIRFLOW_USERNAME": SERVICE,
        "INGEST_AIRFLOW_PASSWORD": SERVICE_PASSWORD,
        "VOLUME_PATH": str(home / "spool"),
        **more,
    }


def compose_values() -> dict[str, str]:
    """Return the variables of docker-compose.accounts.yaml that have a value of their own."""
    document = yaml.load(COMPOSE.read_text(encoding="utf-8"), ComposeLoader)
    return {name: value for name, value in document["x-accounts"].items() if value is not None and "$" not in value}


class ComposeLoader(yaml.CSafeLoader):
    """Reads the tags of Compose, which say how a value is merged, as values."""


ComposeLoader.add_constructor("!override", lambda loader, node: loader.construct_mapping(node, deep=True))  # type: ignore[arg-type]
ComposeLoader.add_constructor("!reset", lambda _loader, _node: None)


def run(variables: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """Run a program of the facility's image; return its output and exit status."""
    command = [str(facility_binaries() / words[0]), *words[1:]]
    return subprocess.run(
        command, env=dict(variables), cwd=PROJECT, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
    )


@dataclass(frozen=True)
class AirflowServer:
    """A running api-server."""

    url: str
    log: Path

    def token(self, user: str, password: str) -> requests.Response:
        """Log in as a program does."""
        return requests.post(
            f"{self.url}/auth/token", json={"username": user, "password": password}, timeout=TIMEOUT_SECONDS
        )

    def browser(self, **headers: str) -> "Browser":
        """Return a browser without a log-in, behind a proxy that adds headers."""
        return Browser(self, {name.replace("_", "-"): value for name, value in headers.items()})


@dataclass
class Browser:
    """A browser that keeps cookies and follows no redirect by itself."""

    server: AirflowServer
    headers: dict[str, str] = field(default_factory=dict)
    session: requests.Session = field(default_factory=requests.Session)

    def request(self, method: str, path: str, **more: Any) -> requests.Response:
        """Send a request to a path of the server, or to a URL."""
        address = path if path.startswith("http") else self.server.url + path
        return self.session.request(
            method, address, headers=self.headers, timeout=TIMEOUT_SECONDS, allow_redirects=False, **more
        )

    def get(self, path: str) -> requests.Response:
        """Open a page."""
        return self.request("GET", path)

    def log_in_by_proxy(self) -> requests.Response:
        """Open the page that logs in whom the proxy names."""
        return self.get("/auth/login/")

    def log_in_by_form(self, user: str, password: str) -> requests.Response:
        """Fill in the form with a password, and send it."""
        found = CSRF_TOKEN.search(self.get("/auth/login/").text)
        assert found
        form = {"csrf_token": found[1], "username": user, "password": password}
        return self.request("POST", "/auth/login/", data=form)

    @property
    def is_logged_in(self) -> bool:
        """Return whether Airflow has set the cookie of an account."""
        return COOKIE in self.session.cookies


@contextmanager
def api_server(folder: Path, variables: Mapping[str, str], port: int | None = None) -> Iterator[AirflowServer]:
    """Run an api-server until the end of the block."""
    port = port or free_port()
    url, log = f"http://localhost:{port}", folder / "api-server.log"
    own = {"AIRFLOW__API__PORT": str(port), "AIRFLOW__API__HOST": "127.0.0.1", "AIRFLOW__API__BASE_URL": url}
    own["INGEST_AIRFLOW_URL"] = url
    with log.open("w") as output:
        command = [str(facility_binaries() / "airflow"), "api-server"]
        process = subprocess.Popen(command, env={**variables, **own}, cwd=PROJECT, stdout=output, stderr=output)
        try:
            wait_until(lambda: _answers(url, process), START_SECONDS, log.read_text)
            yield AirflowServer(url, log)
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(STOP_SECONDS)


def _answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "the api-server has ended"
    try:
        return requests.get(f"{url}/api/v2/version", timeout=TIMEOUT_SECONDS).ok
    except requests.ConnectionError:
        return False
