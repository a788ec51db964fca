"""nginx in front of the API and of Airflow, with the configurations of docs/how-to/. Called by the scenario `upgrade`."""

import subprocess
from pathlib import Path

import requests

from tools.compose_test import documented
from tools.compose_test.base_images import NGINX
from tools.compose_test.engine import Engine
from tools.compose_test.uploads import Uploader

URL = "https://127.0.0.1"
# The names in the configurations; clients here connect to the address.
AIRFLOW = "airflow.example.org"
NAMES = f"subjectAltName=DNS:ingest.example.org,DNS:{AIRFLOW},IP:127.0.0.1"
CERTIFICATE = ("-subj", "/CN=ingest.example.org", "-addext", NAMES)
SECRET = "0f6b..."
PASSWORDS = {name: f"of-{name}" for name in ("ursula", "ugo", "olga", "adam")}
OPENSSL_SECONDS = 30


class Proxy:
    """nginx on port 443 of the host, and its users."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine, self._folder = engine, folder

    def start(self, secret: str) -> None:
        """Start nginx with a certificate, its users, and the secret that it sends to the API."""
        self._folder.mkdir()
        new_key = ("req", "-x509", "-newkey", "rsa:2048", "-noenc", "-days", "1")
        self._openssl(*new_key, *CERTIFICATE, "-keyout", "ingest.key", "-out", "ingest.crt")
        hashed = {user: self._openssl("passwd", "-6", password) for user, password in PASSWORDS.items()}
        (self._folder / "ingest.users").write_text("".join(f"{user}:{text}" for user, text in hashed.items()))
        for name, text in {"ingest": documented.NGINX, "airflow": documented.NGINX_FOR_AIRFLOW}.items():
            (self._folder / f"{name}.conf").write_text(text.replace(SECRET, secret))
        # In the order of their names, the first one is that of requests to the address.
        places = {
            "conf.d/ingest.conf": "ingest.conf",
            "conf.d/personal-accounts.conf": "airflow.conf",
            "ingest.users": "ingest.users",
            **{f"{name}.{suffix}": f"ingest.{suffix}" for name in ("ingest", "airflow") for suffix in ("crt", "key")},
        }
        mounts = [f"--volume={self._folder / name}:/etc/nginx/{place}:ro" for place, name in places.items()]
        # In the host's network: a proxy on the host.
        self._engine.run("run", "--detach", "--restart=always", "--name", NGINX, "--network=host", *mounts, NGINX)

    def user(self, name: str) -> Uploader:
        """Return a user who logs in to nginx."""
        return Uploader({"auth": (name, PASSWORDS[name]), "verify": str(self._folder / "ingest.crt")}, URL)

    def visitor_of_airflow(self, name: str) -> requests.Session:
        """Return a user who logs in to nginx, for requests to Airflow."""
        session = requests.Session()
        # Otherwise the certificates that the environment names replace these.
        session.trust_env = False
        session.auth, session.verify = (name, PASSWORDS[name]), str(self._folder / "ingest.crt")
        session.headers["Host"] = AIRFLOW
        return session

    def _openssl(self, *arguments: str) -> str:
        command = ["openssl", *arguments]
        done = subprocess.run(
            command, cwd=self._folder, capture_output=True, text=True, timeout=OPENSSL_SECONDS, check=True
        )
        return done.stdout
