"""Accounts of Airflow with each role of its simple auth manager, without changing the stack: tokens signed with its key."""

from dataclasses import dataclass
from typing import Any

import jwt
import requests

from tools.stack import TIMEOUT_SECONDS, Stack

ROLES = ("viewer", "user", "op", "admin")
COOKIE = "_token"


@dataclass(frozen=True)
class Login:
    """A browser that is logged in to Airflow, or not."""

    stack: Stack
    token: str | None

    def get(self, path: str, **headers: str) -> requests.Response:
        """Open a page."""
        return self._send("GET", path, None, headers)

    def post(self, path: str, form: dict[str, Any], **headers: str) -> requests.Response:
        """Send a form, as a browser does that sends no Origin."""
        return self._send("POST", path, form, headers)

    def _send(self, method: str, path: str, form: dict[str, Any] | None, headers: dict[str, str]) -> requests.Response:
        cookies = {COOKIE: self.token} if self.token else {}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        address = f"{self.stack.airflow}/ingest-view/{path}"
        return requests.request(
            method, address, data=form, headers=named, cookies=cookies, timeout=TIMEOUT_SECONDS, allow_redirects=False
        )


def log_in(stack: Stack, role: str) -> Login:
    """Return a browser with the token of an account that has a role; its name is that of the role."""
    credentials = {"username": "admin", "password": stack.password("admin")}
    answer = requests.post(f"{stack.airflow}/auth/token", json=credentials, timeout=TIMEOUT_SECONDS)
    token = answer.json()["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    secret = stack.environment["AIRFLOW__API_AUTH__JWT_SECRET"]
    algorithm = jwt.get_unverified_header(token)["alg"]
    return Login(stack, jwt.encode({**claims, "sub": role, "role": role}, secret, algorithm))
