"""A real issuer of OpenID Connect: oidc-provider for Node, installed once in `build/openid-issuer`."""

import hashlib
import html
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin

import requests

from tests.accounts.airflow_server import AirflowServer, Browser
from tools.pacifica_core.environment import BUILD, INSTALL_SECONDS, make_once
from tools.stack import TIMEOUT_SECONDS
from tools.waiting import wait_until

HERE = Path(__file__).parent / "openid"
FILES = ("package.json", "package-lock.json", "issuer.mjs")
FOLDER = BUILD / "openid-issuer"
START_SECONDS, STOP_SECONDS, MAX_REDIRECTS = 60, 30, 12
FORM = re.compile(r'<form[^>]* action="([^"]+)"')
PROMPT = re.compile(r'name="prompt" value="(\w+)"')


@contextmanager
def issuer(folder: Path, port: int, redirect_uri: str) -> Iterator[str]:
    """Run the issuer on a port; return its URL."""
    make_once(FOLDER, hashlib.sha256(b"".join((HERE / name).read_bytes() for name in FILES)).hexdigest(), _install)
    url, log = f"http://localhost:{port}", folder / "issuer.log"
    with log.open("w") as output:
        command = ["node", "issuer.mjs", str(port), redirect_uri]
        process = subprocess.Popen(command, cwd=FOLDER, stdout=output, stderr=output)
        try:
            wait_until(lambda: "listening" in log.read_text(), START_SECONDS, log.read_text)
            yield url
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


def log_in(server: AirflowServer, person: str) -> Browser:
    """Log in to Airflow as a person does: by the issuer's forms, which are filled in and sent."""
    browser = server.browser()
    answer = browser.get("/auth/login/openid")
    for _ in range(MAX_REDIRECTS):
        if answer.is_redirect:
            target = urljoin(answer.url, answer.headers["Location"])
            if target == f"{server.url}/auth/":
                break
            answer = browser.get(target)
        elif prompt := PROMPT.search(answer.text):
            answer = _send_form(browser, answer, prompt[1], person)
        else:
            break
    return browser


def _send_form(browser: Browser, answer: requests.Response, prompt: str, person: str) -> requests.Response:
    action = FORM.search(answer.text)
    assert action
    form = {"prompt": prompt, "login": person, "password": "any"}
    return browser.request("POST", urljoin(answer.url, html.unescape(action[1])), data=form)


def configuration(url: str) -> requests.Response:
    """Return the issuer's configuration."""
    return requests.get(f"{url}/.well-known/openid-configuration", timeout=TIMEOUT_SECONDS)


def _install() -> None:
    for name in FILES:
        shutil.copy(HERE / name, FOLDER)
    # `ci` installs exactly what the lock file lists.
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    subprocess.run(command, cwd=FOLDER, check=True, timeout=INSTALL_SECONDS)
