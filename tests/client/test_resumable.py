"""Uploads to the real server through a bad network: what breaks is resumed, and there is one job with identical bytes."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import requests

from pacifica_ingest_client.bundle.file_table import FileTable
from pacifica_ingest_client.client import IngestClient, Options, Source
from pacifica_ingest_client.errors import BundleTooLarge, PreflightRefused, SourceChanged
from pacifica_ingest_client.progress import NoProgress
from tests.api.live_server import Server, execute, serving_alone
from tests.client.command import Uploader
from tests.client.folders import CONTENTS, TRANSACTION, bundle_of, overwrite_unnoticed, write_files
from tests.cutting_proxy import Cut, CuttingProxy, LostAnswer, Stall, cutting_proxy
from tools.waiting import wait_until

MIB = 1024 * 1024
BIG = {**CONTENTS, "run/big.bin": Random(15).randbytes(8 * MIB)}
SIZE = sum(map(len, BIG.values()))
SECONDS = 120


@pytest.fixture(scope="module")
def server(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving_alone(tmp_path_factory.mktemp("client"), database_url) as server:
        yield server


@pytest.fixture(autouse=True)
def nothing_from_before(server: Server) -> None:
    for path in server.spool.iterdir():
        path.unlink()
    server.forget_uploads()


@pytest.fixture
def proxy(server: Server) -> Iterator[CuttingProxy]:
    with cutting_proxy(server.url) as proxy:
        yield proxy


@pytest.fixture
def run(tmp_path: Path) -> str:
    """Return the path of a folder with some megabytes, which no other test uploads: the same files are the same job."""
    return write_files(tmp_path, {**BIG, "run/unique.bin": os.urandom(16)})


class Jobs:
    """The jobs that were created since the start of a test."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._before = set(server.rows())

    def new(self) -> dict[int, dict[str, Any]]:
        return {number: row for number, row in self._server.rows().items() if number not in self._before}

    def the_only_one(self) -> tuple[int, bytes]:
        """Return the only new job and its bundle; nothing else is left in the spool."""
        [(number, row)] = self.new().items()
        assert self._server.files() == [row["spool_name"]]
        return number, (self._server.spool / row["spool_name"]).read_bytes()


@pytest.fixture
def jobs(server: Server) -> Jobs:
    return Jobs(server)


def client_of(url: str, tmp_path: Path) -> IngestClient:
    return IngestClient(url, state=tmp_path / "state")


def expected(run: str, tmp_path: Path) -> bytes:
    """Return the bytes of the bundle of a folder."""
    (tmp_path / "expected").mkdir(exist_ok=True)
    table = FileTable(tmp_path / "expected" / "table", NoProgress())
    try:
        return b"".join(bundle_of(table, run, tmp_path / "expected").open().blocks(0))
    finally:
        table.close()


def test_a_folder_becomes_one_job_with_its_bytes(server: Server, jobs: Jobs, run: str, tmp_path: Path):
    job = client_of(server.url, tmp_path).submit(Source([run]), TRANSACTION)
    assert jobs.the_only_one() == (job, expected(run, tmp_path))


@pytest.mark.parametrize(
    "faults",
    [
        [Cut(after=SIZE // 2)],
        [Cut(after=SIZE // 2, reset=True)],
        [Cut(after=SIZE // 4), Cut(after=SIZE // 4, reset=True), Cut(after=SIZE // 4)],
        [LostAnswer(after=SIZE)],
    ],
    ids=["closed", "reset", "cut three times", "last answer lost"],
)
def test_a_connection_that_breaks_is_resumed(
    jobs: Jobs, proxy: CuttingProxy, run: str, tmp_path: Path, faults: list[Cut | LostAnswer]
):
    proxy.add(*faults)
    job = client_of(proxy.url, tmp_path).submit(Source([run]), TRANSACTION)
    assert proxy.happened == faults
    assert jobs.the_only_one() == (job, expected(run, tmp_path))
    # What the service had was not sent again; some bytes were on their way.
    assert proxy.forwarded < 1.6 * SIZE


def test_a_connection_that_stalls_is_abandoned_and_resumed(
    jobs: Jobs, proxy: CuttingProxy, run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pacifica_ingest_client.service.connection.CONNECT_SECONDS", 0.5)
    proxy.add(Stall(after=SIZE // 4))
    job = client_of(proxy.url, tmp_path).submit(Source([run]), TRANSACTION)
    assert jobs.the_only_one() == (job, expected(run, tmp_path))
    assert len(proxy.happened) == 1


def test_a_lost_answer_to_the_creation_makes_no_second_job(jobs: Jobs, proxy: CuttingProxy, run: str, tmp_path: Path):
    # The first answers, to the preflight and to OPTIONS, come on the connection that is cut here, too.
    proxy.add(LostAnswer(), LostAnswer(), LostAnswer())
    job = client_of(proxy.url, tmp_path).submit(Source([run]), TRANSACTION, Options(preflight=False))
    assert proxy.happened == [LostAnswer()] * 3
    assert jobs.the_only_one() == (job, expected(run, tmp_path))


def test_killed_at_90_percent_it_sends_the_last_tenth(jobs: Jobs, proxy: CuttingProxy, run: str, tmp_path: Path):
    uploader = Uploader(proxy.url, tmp_path / "state")
    # Its next request gets no further, so that it is killed while the service has nine tenths.
    stall = Stall(after=0)
    proxy.add(Cut(after=SIZE * 9 // 10), stall)
    with uploader.start("--key", "Tag=test", run) as first:
        proxy.wait_until_happened(stall)
        first.kill()
        first.communicate()
    proxy.release()
    assert jobs.new() == {}
    before = proxy.forwarded
    with uploader.start("--key", "Tag=test", run) as second:
        wait_until(lambda: bool(jobs.new()), SECONDS, lambda: "there is no job")
        second.send_signal(signal.SIGINT)
        _, errors = second.communicate(timeout=SECONDS)
    assert second.returncode == 4, errors
    assert "hashing (0 bytes)" in errors
    assert re.search(r"the service has (89|90) % of the upload", errors)
    assert jobs.the_only_one()[1] == expected(run, tmp_path)
    assert proxy.forwarded - before < SIZE * 15 // 100


def test_two_simultaneous_starts_make_one_job(server: Server, jobs: Jobs, run: str, tmp_path: Path):
    uploader = Uploader(server.url, tmp_path / "state")
    with uploader.start(run) as first, uploader.start(run) as second:
        wait_until(lambda: bool(jobs.new()), SECONDS, lambda: "there is no job")
        shown = [_lines_until(process, "UPLOADING") for process in (first, second)]
        for process in (first, second):
            process.kill()
    [job] = jobs.new()
    assert [lines[-1] for lines in shown] == [f"job {job}: UPLOADING\n"] * 2


def test_again_sends_a_file_whose_change_was_not_noticed(server: Server, jobs: Jobs, run: str, tmp_path: Path):
    client = client_of(server.url, tmp_path)
    first = client.submit(Source([run]), TRANSACTION)
    overwrite_unnoticed(Path(run, "one.txt"), b"new\n")
    assert client.submit(Source([run]), TRANSACTION) == first
    second = client.submit(Source([run]), TRANSACTION, Options(again=True))
    assert set(jobs.new()) == {first, second}
    bundle = (server.spool / jobs.new()[second]["spool_name"]).read_bytes()
    assert bundle == expected(run, tmp_path)


@pytest.mark.parametrize("is_upload_forgotten", [False, True])
def test_on_another_computer_the_same_files_are_the_same_job(
    server: Server, jobs: Jobs, run: str, tmp_path: Path, is_upload_forgotten: bool
):
    first = client_of(server.url, tmp_path / "first").submit(Source([run]), TRANSACTION)
    if is_upload_forgotten:
        # As retention does when the upload expires.
        execute(server.database_url, "DELETE FROM resumable_upload RETURNING 1")
    second = client_of(server.url, tmp_path / "second").submit(Source([run]), TRANSACTION)
    assert first == second
    assert jobs.the_only_one()[0] == first


def test_an_upload_that_the_service_removed_is_started_again(jobs: Jobs, proxy: CuttingProxy, run: str, tmp_path: Path):
    client = client_of(proxy.url, tmp_path)
    stop_after(proxy, client, run, SIZE // 2)
    [folder] = (tmp_path / "state").iterdir()
    [url] = [line.split('"')[3] for line in (folder / "upload.json").read_text().splitlines() if "upload_url" in line]
    assert requests.delete(url, headers={"Tus-Resumable": "1.0.0"}, timeout=60).status_code == 204
    job = client.submit(Source([run]), TRANSACTION)
    assert jobs.the_only_one() == (job, expected(run, tmp_path))


def test_files_that_changed_since_the_interruption_make_another_upload(
    server: Server, jobs: Jobs, proxy: CuttingProxy, run: str, tmp_path: Path
):
    client = client_of(proxy.url, tmp_path)
    stop_after(proxy, client, run, SIZE // 2)
    Path(run, "one.txt").write_bytes(b"new contents\n")
    job = client.submit(Source([run]), TRANSACTION)
    assert jobs.the_only_one() == (job, expected(run, tmp_path))
    assert server.uploads() == 0


def test_a_file_that_changes_during_the_upload_is_named_and_nothing_is_left(
    server: Server, jobs: Jobs, proxy: CuttingProxy, run: str, tmp_path: Path
):
    stall = Stall(after=MIB)
    proxy.add(stall)
    uploader = Uploader(proxy.url, tmp_path / "state")
    with uploader.start(run) as process:
        proxy.wait_until_happened(stall)
        Path(run, "sub/two.bin").write_bytes(b"changed")
        proxy.release()
        _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert f"{run}/sub/two.bin changed" in errors
    assert jobs.new() == {}
    wait_until(lambda: (server.files(), server.uploads()) == ([], 0), SECONDS, lambda: str(server.files()))


def test_metadata_that_the_service_would_reject_is_refused_before_anything_is_sent(
    server: Server, jobs: Jobs, tmp_path: Path
):
    run = write_files(tmp_path, {"run/a.txt": b"1", "run/A.txt": b"2"})
    with pytest.raises(PreflightRefused) as raised:
        client_of(server.url, tmp_path).submit(Source([run]), TRANSACTION)
    assert "a.txt" in raised.value.faults[0]
    assert (jobs.new(), server.files()) == ({}, [])


def test_a_bundle_that_is_too_large_is_refused_before_it_is_sent(database_url: str, run: str, tmp_path: Path):
    (tmp_path / "small").mkdir()
    with serving_alone(tmp_path / "small", database_url, INGEST_LARGEST_BUNDLE=MIB) as server:
        with pytest.raises(BundleTooLarge, match="split it"):
            client_of(server.url, tmp_path).submit(Source([run]), TRANSACTION, Options(preflight=False))
        assert server.files() == []


def test_a_changed_file_is_an_error_of_the_library(server: Server, run: str, tmp_path: Path):
    class Changing(NoProgress):
        def start(self, step: str, total: int | None) -> None:  # noqa: ARG002 - of the protocol
            if step == "uploading":
                Path(run, "one.txt").write_bytes(b"changed")

    client = IngestClient(server.url, state=tmp_path / "state", progress=Changing())
    with pytest.raises(SourceChanged, match=r"one\.txt"):
        client.submit(Source([run]), TRANSACTION)


def stop_after(proxy: CuttingProxy, client: IngestClient, run: str, sent: int) -> None:
    """Interrupt an upload after some bytes, as Ctrl-C does."""

    class Interrupting(NoProgress):
        def __init__(self) -> None:
            self.done = 0.0

        def advance(self, amount: int) -> None:
            self.done += amount
            if self.done > sent:
                raise KeyboardInterrupt

        def start(self, step: str, total: int | None) -> None:  # noqa: ARG002 - of the protocol
            self.done = 0.0 if step == "uploading" else -1e12

    interrupted = IngestClient(proxy.url, state=client.state, progress=Interrupting())
    with pytest.raises(KeyboardInterrupt):
        interrupted.submit(Source([run]), TRANSACTION)


def _lines_until(process: Any, text: str) -> list[str]:
    """Return the lines of a process up to one that contains a text."""
    lines: list[str] = []
    for line in process.stderr:
        lines.append(line)
        if text in line:
            break
    return lines
