"""A real Prometheus scrapes a real API, evaluates the rules, and answers every query of the dashboard."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from sqlalchemy import Engine

from ingest.ledger.event_totals import count_events
from tests.api.access.callers import AccessServer, serving
from tests.job_creation import create_job
from tests.ledger.job_rows import received, set_columns
from tests.monitoring.programs import needs_prometheus
from tests.monitoring.test_rules import ALERTS, MONITORING, panels, rules
from tools.stack import free_port
from tools.waiting import wait_until

TOKEN = "0123456789abcdef" * 2
INTERVAL = "500ms"


class Prometheus:
    """A running Prometheus."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def read(self, path: str, **parameters: str) -> Any:
        answer = requests.get(f"{self._url}/api/v1/{path}", params=parameters, timeout=30)
        assert answer.ok, answer.text
        return answer.json()["data"]

    def is_ready(self) -> bool:
        try:
            return requests.get(f"{self._url}/-/ready", timeout=5).ok
        except requests.ConnectionError:
            return False

    def value(self, query: str) -> float | None:
        result = self.read("query", query=query)["result"]
        return float(result[0]["value"][1]) if result else None


@pytest.fixture
def api(separate_engine: Engine, separate_url: str, tmp_path: Path) -> Iterator[AccessServer]:
    """Yield an API whose ledger has a failed job and one that waits for the archive since 2026 began."""
    for job in (1, 2):
        create_job(separate_engine, received(job))
    set_columns(separate_engine, 1, error={"code": "bundle_invalid", "final": True})
    waiting = {"service": "archive", "code": "service_unavailable", "since": "2026-01-01T00:00:00+00:00"}
    set_columns(separate_engine, 2, waiting=waiting)
    count_events(separate_engine)
    (tmp_path / "token").write_text(TOKEN)
    settings = {
        "INGEST_AUTHENTICATION": "proxy",
        "INGEST_METRICS_TOKEN_FILE": str(tmp_path / "token"),
    }
    with serving(tmp_path, separate_url, settings) as server:
        yield server


@pytest.fixture
def prometheus(api: AccessServer, tmp_path: Path) -> Iterator[Prometheus]:
    """Yield a Prometheus with the example configuration, which scrapes the API twice a second."""
    port = free_port()
    example = yaml.safe_load((MONITORING / "prometheus.yaml").read_text(encoding="utf-8"))
    example["global"] = {"scrape_interval": INTERVAL, "scrape_timeout": INTERVAL, "evaluation_interval": INTERVAL}
    example["rule_files"] = [str(ALERTS)]
    (job,) = example["scrape_configs"]
    job["authorization"]["credentials_file"] = str(tmp_path / "token")
    job["static_configs"] = [{"targets": [f"{api.address[0]}:{api.address[1]}"]}]
    job["scrape_timeout"] = job["scrape_interval"] = "5s"
    configuration = tmp_path / "prometheus.yaml"
    configuration.write_text(yaml.safe_dump(example))
    folder, address = f"--storage.tsdb.path={tmp_path}/data", f"--web.listen-address=127.0.0.1:{port}"
    command = ["prometheus", f"--config.file={configuration}", folder, address]
    with (tmp_path / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        found = Prometheus(port)
        wait_until(found.is_ready, 60, (tmp_path / "prometheus.log").read_text)
        yield found
    finally:
        process.terminate()
        process.wait(60)


@needs_prometheus
def test_prometheus_reads_the_metrics_and_evaluates_the_rules(prometheus: Prometheus) -> None:
    up = 'up{job="pacifica-ingest"}'
    wait_until(lambda: prometheus.value(up) == 1, 60, lambda: str(prometheus.read("targets")))
    assert prometheus.value('pacifica_ingest_jobs{state="failed", code="bundle_invalid"}') == 1
    assert prometheus.value("pacifica_ingest_ledger_up") == 1
    for panel in panels():
        for target in panel["targets"]:
            prometheus.read("query", query=target["expr"])

    def states() -> dict[str, str]:
        (group,) = prometheus.read("rules")["groups"]
        return {rule["name"]: f"{rule['health']} {rule['state']}" for rule in group["rules"]}

    expected = dict.fromkeys((rule["alert"] for rule in rules()), "ok inactive")
    # Airflow does not run in this test. Both alerts wait for some minutes before they fire.
    expected["IngestAirflowNotReady"] = expected["IngestServiceUnavailable"] = "ok pending"
    wait_until(lambda: states() == expected, 60, lambda: str(states()))
