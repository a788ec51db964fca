"""`make compose-test`: why it is skipped, what it takes from other files, and what its report counts."""

import json
import os
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tools.compose_test import base_images, documented, prerequisites
from tools.compose_test.report import Report
from tools.compose_test.scenarios import SCENARIOS
from tools.compose_test.uploads import Uploader

PROJECT = Path(__file__).parents[3]


def test_without_root_it_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    assert prerequisites.install() == "it needs root"


def test_on_another_system_it_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: {"VERSION_CODENAME": "noble"})
    assert "another system" in str(prerequisites.install())


def test_a_python_that_does_not_start_is_not_copied(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shim = tmp_path / prerequisites.PYTHON
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PYTHON312", str(shim))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    assert prerequisites.find_python() is None


def test_a_python_is_found_by_its_prefix(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    named = tmp_path / "named"
    named.write_text("#!/bin/sh\necho /opt/python\n")
    named.chmod(0o755)
    monkeypatch.setenv("PYTHON312", str(named))
    assert prerequisites.find_python() == Path("/opt/python")


def test_every_base_image_has_a_stand_in() -> None:
    names = [tag.partition(":")[0] for tag in base_images.tags()]
    assert sorted(names) == ["postgres", "python", "redis"]
    for name in [*names, base_images.NGINX]:
        assert (base_images.STAND_INS / name / "Dockerfile").exists()


def test_the_documented_proxy_sends_the_secret_that_the_run_replaces() -> None:
    assert documented.NGINX.count("X-Ingest-Proxy-Secret 0f6b...;") == 1


def test_the_documented_commands_name_the_job_and_the_user_that_the_run_replaces() -> None:
    assert "--job_id 17 --username alice" in documented.REPLACE_BUNDLE
    assert "--job_id 17" in documented.ADMIN_COMMANDS


def test_every_scenario_is_described_in_their_order() -> None:
    page = (PROJECT / "docs" / "develop.md").read_text(encoding="utf-8")
    table = page.split("## The facility's containers")[1].split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(SCENARIOS)


def test_a_check_that_fails_is_counted_and_the_run_continues(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report()
    with report.check("this fails"):
        raise AssertionError("the reason")
    with report.check("this holds"):
        pass
    out = capsys.readouterr().out
    assert report.faults == 1
    assert re.search(r"FAULT this fails .*the reason.* ok +this holds", out, re.DOTALL)


@contextmanager
def answering(status: int, body: str) -> Iterator[Uploader]:
    """Yield a client of a server that answers everything with a status and a body."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        do_POST = do_GET  # noqa: N815

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever).start()
        try:
            yield Uploader({}, f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()


def test_a_job_that_has_failed_is_not_waited_for() -> None:
    state = json.dumps({"complete": True, "state": "FAILED", "exception": "why"})
    with answering(200, state) as client, pytest.raises(AssertionError, match=r"job 17 has failed: .*why"):
        client.wait([17])


def test_an_upload_that_is_refused_is_not_repeated() -> None:
    with answering(403, "no") as client, pytest.raises(AssertionError, match="403 no"):
        client.upload_until_accepted(b"")
