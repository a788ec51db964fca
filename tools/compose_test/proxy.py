"""nginx in front of the API, with the configuration of docs/how-to/control-access.md. Called by the scenario `upgrade`."""

import subprocess
from pathlib import Path

from tools.compose_test import documented
from tools.compose_test.base_images import NGINX
from tools.compose_test.engine import Engine
from tools.compose_test.uploads import Uploader

URL = "https://127.0.0.1"
# The name in the configuration; clients here connect to the address.
CERTIFICATE = ("-subj", "/CN=ingest.example.org", "-addext", "subjectAltName=DNS:ingest.example.org,IP:127.0.0.1")
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
        (self._folder / "ingest.conf").write_text(documented.NGINX.replace(SECRET, secret))
        places = {
            "ingest.conf": "conf.d/ingest.conf",
            **{name: name for name in ("ingest.crt", "ingest.key", "ingest.users")},
        }
        mounts = [f"--volume={self._folder / name}:/etc/nginx/{place}:ro" for name, place in places.items()]
        # In the host's network: a proxy on the host.
        self._engine.run("run", "--detach", "--restart=always", "--name", NGINX, "--network=host", *mounts, NGINX)

    def user(self, name: str) -> Uploader:
        """Return a user who logs in to nginx."""
        return Uploader({"auth": (name, PASSWORDS[name]), "verify": str(self._folder / "ingest.crt")}, URL)

    def _openssl(self, *arguments: str) -> str:
        command = ["openssl", *arguments]
        done = subprocess.run(
            command, cwd=self._folder, capture_output=True, text=True, timeout=OPENSSL_SECONDS, check=True
        )
        return done.stdout
