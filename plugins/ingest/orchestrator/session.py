"""Talking to Airflow's REST API: the token, the time-outs, and one error for whatever goes wrong.

Used by `ingest.orchestrator.client` only.
"""

import threading
from collections.abc import Sequence
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from ingest.errors.types import RunChanged, ServiceUnavailable
from ingest.settings.loading import Settings
from ingest.system.sanitize import root_cause

# Of this process. When more come at once than its database has connections, Airflow's api-server stands still.
QUESTIONS_AT_ONCE = 6
REASON_LENGTH = 300
TOKEN_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
# Airflow locks nothing while it changes a run. Of two simultaneous requests one gets 409 (a constraint of its database was
# violated) or 500 (a row that it had read is gone).
COLLISIONS = frozenset({HTTPStatus.CONFLICT, HTTPStatus.INTERNAL_SERVER_ERROR})


class AirflowSession:
    """Connections to Airflow and the token that all threads of a process share."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.airflow_url.rstrip("/")
        self._credentials = {"username": settings.airflow_username, "password": settings.airflow_password}
        self._timeout = settings.airflow_timeout
        self._session = _session()
        self._slots = threading.BoundedSemaphore(QUESTIONS_AT_ONCE)
        self._token: str | None = None
        self._token_lock = threading.Lock()

    def ask(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        accepted: Sequence[int] = (HTTPStatus.OK,),
        seconds: float | None = None,
    ) -> requests.Response:
        """Ask for a path below Airflow's URL; raises ServiceUnavailable for every status that is not `accepted`.

        Where a request that changes something may have collided with another one, it is RunChanged. The answer is waited for
        `seconds`, or as long as the settings say.
        """
        token = self._current_token(None, seconds)
        response = self._send(method, path, body, token, seconds)
        if response.status_code in TOKEN_REFUSED:
            # 401: expired; 403: signed with a secret that Airflow no longer has.
            response = self._send(method, path, body, self._current_token(token, seconds), seconds)
        if response.status_code not in accepted:
            reason = f"{method} {path} answered {_summary(response)}"
            collided = method != "GET" and response.status_code in COLLISIONS
            raise self.changed(reason) if collided else self.unavailable(reason)
        return response

    def ask_without_token(self, path: str, seconds: float) -> Any:  # noqa: ANN401 - whatever JSON Airflow answers
        """Give the JSON at a path that needs no log-in, asked for that many seconds; raises ServiceUnavailable."""
        response = self._send("GET", path, None, token=None, timeout=seconds)
        if response.status_code != HTTPStatus.OK:
            raise self.unavailable(f"GET {path} answered {response.status_code}")
        return self.json(response)

    def json(self, response: requests.Response) -> Any:  # noqa: ANN401
        """Give the answer's JSON; raises ServiceUnavailable."""
        try:
            return response.json()
        except ValueError as error:
            raise self.unavailable(f"no JSON but {_summary(response)}") from error

    def unavailable(self, reason: str) -> ServiceUnavailable:
        """Make the error that says why Airflow is of no use now."""
        return ServiceUnavailable("Airflow", self._url, reason)

    def changed(self, reason: str) -> RunChanged:
        """Make the error of a request that collided with another one."""
        return RunChanged("Airflow", self._url, reason)

    @property
    def username(self) -> str:
        """The account that it logs in with."""
        return self._credentials["username"]

    def _current_token(self, refused: str | None, seconds: float | None) -> str:
        # Under the lock, so that of many threads whose token was refused at once only one logs in.
        if not self._token_lock.acquire(timeout=seconds or self._timeout):
            raise self.unavailable("it is silent to whoever logs in")
        try:
            if self._token is None or self._token == refused:
                self._token = self._log_in(seconds)
            return self._token
        finally:
            self._token_lock.release()

    def _log_in(self, seconds: float | None) -> str:
        response = self._send("POST", "/auth/token", self._credentials, None, seconds)
        if response.status_code != HTTPStatus.CREATED:
            # Without its text: Airflow's 422 repeats what it was sent, the password too.
            raise self.unavailable(f"the log-in answered {response.status_code}")
        try:
            return str(self.json(response)["access_token"])
        except (KeyError, TypeError) as error:
            raise self.unavailable("the log-in answered without a token") from error

    def _send(
        self, method: str, path: str, body: dict[str, Any] | None, token: str | None, timeout: float | None = None
    ) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        seconds = timeout or self._timeout
        if not self._slots.acquire(timeout=seconds):
            raise self.unavailable(f"it was silent for {seconds:g} seconds to all that it was asked before")
        try:
            return self._session.request(
                method, self._url + path, json=body, headers=headers, timeout=seconds, allow_redirects=False
            )
        except (requests.RequestException, ValueError) as error:
            raise self.unavailable(_shortened(str(root_cause(error)))) from error
        finally:
            self._slots.release()


def _session() -> requests.Session:
    session = requests.Session()
    # A proxy or .netrc of the machine must not come between, and no cookie may outlive the token.
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=QUESTIONS_AT_ONCE))
    return session


def _summary(response: requests.Response) -> str:
    return f"{response.status_code} {_shortened(response.text)}".strip()


def _shortened(text: str) -> str:
    return " ".join(text.split())[:REASON_LENGTH]
