"""The command: its exit statuses, and what it prints for people and for scripts."""

import os
import pty
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pacifica_ingest_client.command.main import main
from pacifica_ingest_client.command.options import TOKEN_FILE_VARIABLE, TOKEN_VARIABLE, URL_VARIABLE
from tests.client.command import CLIENT, METADATA, PROGRAM, Ended, Uploader
from tests.client.folders import write_files
from tests.services.scripted_server import Handler, Script, ScriptedServer, reply, scripted_server
from tools.stack import free_port

NO_CALL = reply(404, {"code": "not_found", "message": "no such call"})
ACCEPTED = reply(200, {"job_id": 17, "state": "OK"})


def state(**changes: object) -> Script:
    document = {"job_id": 17, "state": "OK", "task": "ingest metadata", "task_percent": "100.0", "exception": ""}
    return reply(200, {**document, "complete": True, **changes})


# Preflight, the features, the upload, the state.
CATALOGED = (NO_CALL, NO_CALL, ACCEPTED, state())


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as server:
        yield server


class InThisProcess:
    """Calls the command in this process, which is faster than a process for each call."""

    def __init__(self, url: str, state: Path, captured: pytest.CaptureFixture[str]) -> None:
        self._url = url
        self._state = state
        self._captured = captured

    def run(self, *arguments: str, metadata: list[str] = METADATA) -> Ended:
        """Run the command to its end."""
        self._captured.readouterr()
        status = main(["--url", self._url, "--state-folder", str(self._state), *metadata, *arguments])
        return Ended(status, *self._captured.readouterr())


@pytest.fixture
def uploader(
    server: ScriptedServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[InThisProcess]:
    for name in (URL_VARIABLE, TOKEN_VARIABLE, TOKEN_FILE_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    before = signal.getsignal(signal.SIGTERM)
    yield InThisProcess(server.url, tmp_path / "state", capsys)
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def run(tmp_path: Path) -> str:
    """Return the path of a folder to upload."""
    return write_files(tmp_path, {"run/one.txt": b"one\n"})


def test_a_cataloged_upload_ends_with_0(server: ScriptedServer, uploader: InThisProcess, run: str):
    server.then(*CATALOGED)
    ended = uploader.run(run)
    assert (ended.status, ended.printed) == (0, "job 17 is cataloged\n")
    assert ended.errors.splitlines() == [
        "listing files",
        "hashing (4 bytes)",
        "checking the metadata",
        "the service cannot check the metadata before the upload",
        "uploading (10.0 KiB)",
    ]


def test_json_is_the_only_output_on_standard_output(server: ScriptedServer, uploader: InThisProcess, run: str):
    server.then(*CATALOGED)
    ended = uploader.run("--json", run)
    assert ended.document == {"result": "cataloged", "exit_status": 0, "job_id": 17}


def test_quiet_prints_nothing(server: ScriptedServer, uploader: InThisProcess, run: str):
    server.then(*CATALOGED)
    ended = uploader.run("--quiet", run)
    assert (ended.status, ended.printed, ended.errors) == (0, "", "")


def test_a_rejected_job_ends_with_1_and_lists_the_faults(server: ScriptedServer, uploader: InThisProcess, run: str):
    text = "policy_rejected: the uploader must fix this: no such project; no such instrument"
    server.then(NO_CALL, NO_CALL, ACCEPTED, state(state="FAILED", exception=text))
    ended = uploader.run("--json", run)
    assert ended.status == 1
    assert ended.document["job_id"] == 17
    assert ended.document["error"]["code"] == "job_rejected"
    assert ended.document["error"]["faults"] == ["no such project", "no such instrument"]


def test_a_refused_preflight_ends_with_1_and_sends_nothing(server: ScriptedServer, uploader: InThisProcess, run: str):
    server.then(reply(422, {"faults": [{"code": "policy_rejected", "text": "no such project"}]}))
    ended = uploader.run(run)
    assert ended.status == 1
    assert "  no such project\n" in ended.errors
    assert len(server.received) == 1


def test_preflight_can_be_left_out(server: ScriptedServer, uploader: InThisProcess, run: str):
    server.then(NO_CALL, ACCEPTED, state())
    assert uploader.run("--no-preflight", run).status == 0
    assert "/preflight" not in {each.path for each in server.received}


def test_a_folder_without_files_ends_with_1(uploader: InThisProcess, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    ended = uploader.run(str(tmp_path / "empty"))
    assert ended.status == 1
    assert "there are no files" in ended.errors


@pytest.mark.parametrize(
    ("arguments", "metadata", "words"),
    [
        ([], METADATA, "PATH"),
        (["--unknown", "run"], METADATA, "--unknown"),
        (["run"], METADATA[:2], "no submitter, no instrument"),
        (["--key", "Tag", "run"], METADATA, "--key Tag: write NAME=VALUE"),
        (["--server-path", "/srv/run", "run"], METADATA, "--server-path needs --move"),
        (["--json", "--quiet", "run"], METADATA, "not allowed with"),
        (["--token-file", "missing", "run"], METADATA, "the token in missing cannot be read"),
    ],
)
def test_a_wrong_command_line_ends_with_2(
    uploader: InThisProcess, run: str, arguments: list[str], metadata: list[str], words: str
):
    ended = uploader.run(*(run if each == "run" else each for each in arguments), metadata=metadata)
    assert ended.status == 2
    assert words in ended.errors


def test_an_address_is_required(uploader: InThisProcess, run: str):
    ended = uploader.run("--url", "", run)
    assert (ended.status, "set --url or INGEST_URL" in ended.errors) == (2, True)


def test_an_unavailable_service_ends_with_3(uploader: InThisProcess, run: str):
    ended = uploader.run("--url", f"http://127.0.0.1:{free_port()}", "--retry-for", "0", run)
    assert ended.status == 3
    assert "is unavailable: Connection refused" in ended.errors


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_with_4_and_says_how_to_resume(
    server: ScriptedServer, tmp_path: Path, run: str, sent: signal.Signals
):
    reached = threading.Event()

    def never_answer(handler: Handler) -> None:
        reached.set()
        handler.server.scripted.ended.wait(60)

    server.then(NO_CALL, NO_CALL, ACCEPTED, never_answer)
    with Uploader(server.url, tmp_path / "state").start(run) as process:
        assert reached.wait(60)
        process.send_signal(sent)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 4
    assert "run the same command again to resume" in errors


def test_started_again_it_follows_its_job(server: ScriptedServer, uploader: InThisProcess, run: str):
    server.then(*CATALOGED, state())
    assert uploader.run(run).status == 0
    ended = uploader.run(run)
    assert (ended.status, ended.printed) == (0, "job 17 is cataloged\n")
    assert "these files were sent already, as job 17" in ended.errors
    assert server.received[-1].path == "/get_state?job_id=17"


def test_again_makes_another_job(server: ScriptedServer, uploader: InThisProcess, run: str):
    server.then(*CATALOGED, *CATALOGED)
    uploader.run(run)
    assert uploader.run("--again", run).status == 0
    first, second = (each.headers["idempotency-key"] for each in server.received if each.path == "/upload")
    assert (first[-3:], second[-3:]) == ('-0"', '-1"')
    assert first[:-3] == second[:-3]


def test_a_move_posts_the_document(server: ScriptedServer, uploader: InThisProcess, run: str):
    server.then(*CATALOGED)
    assert uploader.run("--move", "--server-path", "/srv/17", run).status == 0
    assert server.received[2].path == "/move"
    assert b'"source": "/srv/17/one.txt"' in server.received[2].body


@pytest.mark.parametrize("is_in_a_file", [True, False])
def test_a_token_comes_from_the_environment_or_from_a_file(
    server: ScriptedServer,
    uploader: InThisProcess,
    run: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_in_a_file: bool,
):
    (tmp_path / "token").write_text("secret\n")
    if not is_in_a_file:
        monkeypatch.setenv("INGEST_TOKEN", "secret")
    server.then(*CATALOGED)
    options = ["--token-file", str(tmp_path / "token")] if is_in_a_file else []
    assert uploader.run(*options, run).status == 0
    assert {each.headers["authorization"] for each in server.received} == {"Bearer secret"}


def test_a_header_names_the_user(server: ScriptedServer, uploader: InThisProcess, run: str):
    server.then(*CATALOGED)
    assert uploader.run("--user", "Müller", run).status == 0
    sent = {each.headers["x-http-authed-user"].encode("latin-1").decode() for each in server.received}
    assert sent == {"Müller"}


@pytest.mark.parametrize("token", ["", "two tokens\nin lines", "schlüssel"])
def test_a_token_that_is_none_ends_with_2(
    uploader: InThisProcess, run: str, monkeypatch: pytest.MonkeyPatch, token: str
):
    monkeypatch.setenv("INGEST_TOKEN", token)
    ended = uploader.run(run)
    assert (ended.status, "INGEST_TOKEN must contain one token" in ended.errors) == (2, True)


def test_control_characters_of_the_service_are_escaped(server: ScriptedServer, uploader: InThisProcess, run: str):
    server.then(reply(403, {"message": "\x1b[2Jno"}))
    ended = uploader.run(run)
    assert "\x1b" not in ended.errors
    assert "\\x1b[2Jno" in ended.errors


def test_a_terminal_shows_bars(server: ScriptedServer, tmp_path: Path, run: str):
    server.then(*CATALOGED)
    terminal, end = pty.openpty()
    command = [*PROGRAM, "--url", server.url, "--state-folder", str(tmp_path / "state"), *METADATA, run]
    environment = {**os.environ, "PYTHONPATH": str(CLIENT), "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=end) as process:
        os.close(end)
        shown = b""
        try:
            while block := os.read(terminal, 4096):
                shown += block
        except OSError:
            # Linux reports the end of a terminal as an error.
            pass
    os.close(terminal)
    assert process.wait(60) == 0
    assert "━" in shown.decode()
    assert b"uploading" in shown
    assert "10.0/10.0 KiB" in shown.decode()
