"""`GET /metrics` of a real server: counted over its processes, for those who may read it, whatever clients send."""

import fcntl
import os
import signal
from pathlib import Path

import pytest
import requests

from api.metrics import process_files
from tests.api.access.callers import UPLOADER, basic, bearer, make_tokens, serving, token_settings
from tests.api.clients import STALLED
from tests.api.live_server import Server
from tests.api.metrics.scraping import scrape
from tests.api.server_command import NO_DATABASE, Run
from tools.waiting import wait_until

TOKEN = "0123456789abcdef" * 2
ALIVE = {"method": "GET", "route": "/healthz", "status": "200"}


def scrape_on_new_connections(server: Server, count: int) -> set[float | None]:
    """Return what several scrapes report, which different processes answer."""
    return {scrape(server).value("http_requests_total", **ALIVE) for _ in range(count)}


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_requests_are_counted_over_all_processes_and_survive_them(empty_server: Server, end: signal.Signals):
    for _ in range(30):
        assert requests.get(f"{empty_server.url}/healthz", timeout=30).ok
    assert scrape_on_new_connections(empty_server, 6) == {30}
    before = empty_server.workers()
    os.kill(before[0], end)
    wait_until(lambda: len(set(empty_server.workers()) - set(before)) == 1, 30, lambda: "no new process")
    assert scrape_on_new_connections(empty_server, 6) == {30}
    assert requests.get(f"{empty_server.url}/healthz", timeout=30).ok
    assert scrape(empty_server).value("http_requests_total", **ALIVE) == 31
    assert scrape(empty_server).value("http_request_duration_seconds_count", method="GET", route="/healthz") == 31


def test_clients_cannot_create_metrics(empty_server: Server):
    for number in range(5):
        requests.request(f"METHOD{number}", f"{empty_server.url}/nowhere/{number}", timeout=30)
        requests.get(f"{empty_server.url}/get_state/{number}", timeout=30)
    found = scrape(empty_server)
    assert found.value("http_requests_total", method="other", route="none", status="404") == 5
    assert found.value("http_requests_total", method="GET", route="/get_state/<job_id>", status="404") == 5
    assert len(found.families["pacifica_ingest_http_requests"].samples) == 2


def test_upload_slots_in_use_are_counted(empty_server: Server):
    assert scrape(empty_server).value("upload_slots_used") == 0
    with empty_server.connect() as upload:
        upload.sendall(STALLED)
        wait_until(lambda: scrape(empty_server).value("upload_slots_used") == 1, 30, lambda: "no slot is in use")
        wait_until(lambda: scrape(empty_server).value("uploads_in_progress") == 1, 30, lambda: "no upload")
    wait_until(lambda: scrape(empty_server).value("upload_slots_used") == 0, 30, lambda: "the slot is still in use")
    assert scrape(empty_server).value("upload_slots") == 32


def test_a_received_job_is_in_the_metrics(empty_server: Server):
    assert requests.post(f"{empty_server.url}/upload", data=b"x" * 1000, timeout=30).ok
    wait_until(
        lambda: scrape(empty_server).value("received_bytes_total", kind="ingest") == 1000, 30, lambda: "not counted"
    )
    found = scrape(empty_server)
    assert found.value("events_total", kind="ingest", event="received") == 1
    assert found.value("jobs", kind="ingest", state="waiting", code="") == 1


def test_metrics_without_a_database(tmp_path: Path):
    with serving(tmp_path, NO_DATABASE, {}) as server:
        found = scrape(server)
    assert found.value("ledger_up") == 0
    assert found.value("part_ready", part="database") == 0
    assert found.value("part_ready", part="spool") == 1


def test_who_may_read_the_metrics(tmp_path: Path, database_url: str):
    token_file = tmp_path / "scrape"
    token_file.write_text(f"{TOKEN}\n")
    with serving(
        tmp_path, database_url, {**token_settings(tmp_path), "INGEST_METRICS_TOKEN_FILE": str(token_file)}
    ) as server:
        tokens = make_tokens(tmp_path / "tokens.json")
        callers = (bearer(TOKEN), basic("prometheus", TOKEN), bearer(TOKEN[:-1]), bearer(tokens[UPLOADER]))
        answers = [each.request(server, "GET", "/metrics").status_code for each in callers]
        assert answers == [200, 401, 401, 403]
        assert bearer(TOKEN).request(server, "GET", "/jobs").status_code == 401
        # Prometheus calls each host by its address.
        assert scrape(server, Host="192.0.2.1", Authorization=f"Bearer {TOKEN}")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("short\n", "the metrics token file {} must hold a secret of at least 32"),
        (None, "cannot read the metrics token file {}"),
    ],
)
def test_a_token_file_that_cannot_be_used_is_refused(tmp_path: Path, run: Run, content: str | None, reason: str):
    path = tmp_path / "token"
    if content is not None:
        path.write_text(content)
    ended = run(INGEST_METRICS_TOKEN_FILE=str(path))
    assert ended.status == 2
    assert reason.format(path) in ended.errors


def test_folders_of_killed_servers_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(process_files, "MEMORY", tmp_path)
    monkeypatch.setattr(os, "environ", {**os.environ})
    abandoned, used, new = (tmp_path / f"{process_files.PREFIX}{name}" for name in ("a", "b", "c"))
    for folder in (abandoned, used, new):
        folder.mkdir()
        (folder / "counter_1.db").touch()
    for folder in (abandoned, used):
        os.utime(folder, (0, 0))
    descriptor = os.open(used, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    try:
        with process_files.shared_folder():
            own = Path(os.environ[process_files.FOLDER_VARIABLE])
            assert {*tmp_path.iterdir()} == {used, new, own}
            assert [*own.iterdir()] == []
    finally:
        os.close(descriptor)
    assert {*tmp_path.iterdir()} == {used, new}
