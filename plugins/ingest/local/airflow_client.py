"""A client of Airflow's REST API as Airflow's admin. Used by `ingest.local.readiness` and the watchdog."""

from typing import Any

import requests

from ingest.local.credentials import ADMIN, Credentials
from ingest.local.ports import Ports

TIMEOUT_SECONDS = 15


class AirflowClient:
    """Calls Airflow's REST API, logged in as the admin."""

    def __init__(self, ports: Ports, credentials: Credentials) -> None:
        self._url = ports.airflow_url
        self._password = credentials.admin_password
        self._session = requests.Session()
        # A proxy that the user has configured must not be used for this machine.
        self._session.trust_env = False

    def log_in(self) -> None:
        """Get a token; raises requests.RequestException."""
        answer = self._session.post(
            f"{self._url}/auth/token", json={"username": ADMIN, "password": self._password}, timeout=TIMEOUT_SECONDS
        )
        answer.raise_for_status()
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def call(self, method: str, path: str, **options: Any) -> requests.Response:  # noqa: ANN401 - requests' own
        """Call `/api/v2/<path>` and return any answer; raises requests.RequestException when there is none."""
        return self._session.request(method, f"{self._url}/api/v2/{path}", timeout=TIMEOUT_SECONDS, **options)

    def get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """Return the JSON of `/api/v2/<path>`, None for a 404; raises requests.RequestException."""
        answer = self.call("GET", path)
        if answer.status_code == requests.codes.not_found:
            return None
        answer.raise_for_status()
        return answer.json()
