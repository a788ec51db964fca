"""HTTP requests to Airflow's REST API: log-in, timeouts, and one type of error for every failure.

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
from ingest.system.tracing import open_call

# Simultaneous requests of one process. More requests than connections to Airflow's database would block its api-server.
MAX_CONNECTIONS = 6
MAX_REASON_CHARACTERS = 300
# 401: the token has expired. 403: Airflow's secret has changed.
TOKEN_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
# Airflow does not lock a run while it changes it. Of two simultaneous requests one fails with 409 (a constraint of its
# database was violated) or 500 (a row that it had read is gone).
COLLISIONS = frozenset({HTTPStatus.CONFLICT, HTTPStatus.INTERNAL_SERVER_ERROR})


class AirflowSession:
    """The connections to Airflow and the token that all threads of a process share."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.airflow_url.rstrip("/")
        self._credentials = {"username": settings.airflow_username, "password": settings.airflow_password}
        self._timeout = settings.airflow_timeout
        self._session = _session()
        self._slots = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._token: str | None = None
        self._token_lock = threading.Lock()

    def request(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        accepted: Sequence[int] = (HTTPStatus.OK,),
        seconds: float | None = None,
    ) -> requests.Response:
        """Send a request and return its response; `seconds` is its timeout, by default the one in the settings.

        Raises RunChanged when a request that changes something collided with another one, ServiceUnavailable for every
        other status that is not `accepted`.
        """
        token = self._current_token(None, seconds)
        response = self._send(method, path, body, token, seconds)
        if response.status_code in TOKEN_REFUSED:
            response = self._send(method, path, body, self._current_token(token, seconds), seconds)
        if response.status_code not in accepted:
            reason = f"{method} {path} returned {_summary(response)}"
            collided = method != "GET" and response.status_code in COLLISIONS
            raise self.run_changed(reason) if collided else self.unavailable(reason)
        return response

    def get_without_token(self, path: str, seconds: float) -> Any:  # noqa: ANN401 - any JSON
        """Return the JSON at a path that needs no log-in, within `seconds`. Raises ServiceUnavailable."""
        response = self._send("GET", path, None, token=None, timeout=seconds)
        if response.status_code != HTTPStatus.OK:
            raise self.unavailable(f"GET {path} returned {response.status_code}")
        return self.json(response)

    def json(self, response: requests.Response) -> Any:  # noqa: ANN401
        """Return the JSON of a response. Raises ServiceUnavailable when the response has none."""
        try:
            return response.json()
        except ValueError as error:
            raise self.unavailable(f"it returned no JSON but {_summary(response)}") from error

    def unavailable(self, reason: str) -> ServiceUnavailable:
        """Return a ServiceUnavailable for Airflow with a reason."""
        return ServiceUnavailable("Airflow", self._url, reason)

    def run_changed(self, reason: str) -> RunChanged:
        """Return the error for a request that collided with another one."""
        return RunChanged("Airflow", self._url, reason)

    @property
    def username(self) -> str:
        """The account of the log-in."""
        return self._credentials["username"]

    def _current_token(self, refused: str | None, seconds: float | None) -> str:
        # Locked, so that only one of the threads whose token was refused logs in.
        if not self._token_lock.acquire(timeout=seconds or self._timeout):
            raise self.unavailable(f"no log-in to Airflow within {seconds or self._timeout:g} s")
        try:
            if self._token is None or self._token == refused:
                self._token = self._log_in(seconds)
            return self._token
        finally:
            self._token_lock.release()

    def _log_in(self, seconds: float | None) -> str:
        response = self._send("POST", "/auth/token", self._credentials, None, seconds)
        if response.status_code != HTTPStatus.CREATED:
            # Without the text of the response: Airflow's 422 repeats the request, with the password.
            raise self.unavailable(f"the log-in returned {response.status_code}")
        try:
            return str(self.json(response)["access_token"])
        except (KeyError, TypeError) as error:
            raise self.unavailable("the log-in returned no token") from error

    def _send(
        self, method: str, path: str, body: dict[str, Any] | None, token: str | None, timeout: float | None = None
    ) -> requests.Response:
        seconds = timeout or self._timeout
        if not self._slots.acquire(timeout=seconds):
            raise self.unavailable(f"no free connection to Airflow for {seconds:g} s ({MAX_CONNECTIONS} in use)")
        try:
            with open_call("airflow", method, self._url + path) as call:
                headers = call.headers | ({"Authorization": f"Bearer {token}"} if token else {})
                response = self._session.request(
                    method, self._url + path, json=body, headers=headers, timeout=seconds, allow_redirects=False
                )
                call.status = response.status_code
                return response
        except (requests.RequestException, ValueError) as error:
            raise self.unavailable(_shortened(str(root_cause(error)))) from error
        finally:
            self._slots.release()


def _session() -> requests.Session:
    session = requests.Session()
    # Ignore the proxies and the .netrc of the machine, and keep no cookie that would outlive the token.
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=MAX_CONNECTIONS))
    return session


def _summary(response: requests.Response) -> str:
    return f"{response.status_code} {_shortened(response.text)}".strip()


def _shortened(text: str) -> str:
    return " ".join(text.split())[:MAX_REASON_CHARACTERS]
