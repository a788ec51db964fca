"""`pip install ./client` provides the command and the library on every installed version of Python that it supports."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.command import CLIENT, Uploader
from tests.client.folders import write_files
from tests.services.scripted_server import reply, scripted_server

VERSIONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")
SECONDS = 600
LEFT_OVER = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
JOB = {
    "job_id": 17,
    "state": "OK",
    "task": "ingest metadata",
    "task_percent": "100.0",
    "exception": "",
    "complete": True,
}


def interpreter(version: str) -> str:
    """Return an interpreter of a version; skips the test if none is installed."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    found = shutil.which(f"python{version}")
    # A shim of pyenv may name a version that is not selected.
    if not found or subprocess.run([found, "-c", ""], capture_output=True, timeout=60, check=False).returncode:
        pytest.skip(f"there is no Python {version}")
    return found


def call(*command: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(params=VERSIONS)
def programs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """Install a copy of the client, because a build leaves files; yield the folder of the environment's programs."""
    python = interpreter(request.param)
    shutil.copytree(CLIENT, tmp_path / "client", ignore=LEFT_OVER)
    call(python, "-m", "venv", str(tmp_path / "venv"))
    binaries = tmp_path / "venv" / "bin"
    call(
        str(binaries / "python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check", str(tmp_path / "client")
    )
    yield binaries
    shutil.rmtree(tmp_path / "venv")


def test_the_installed_command_uploads(programs: Path, tmp_path: Path):
    call(str(programs / "python"), "-m", "pip", "check", "--disable-pip-version-check")
    assert call(str(programs / "pacifica-ingest-upload"), "--help").startswith("usage: pacifica-ingest-upload ")
    run = write_files(tmp_path)
    with scripted_server() as server:
        absent = reply(404, {"message": "no such call"})
        server.then(absent, absent, reply(200, {"job_id": 17}), reply(200, JOB))
        uploader = Uploader(server.url, tmp_path / "state", (str(programs / "pacifica-ingest-upload"),))
        ended = uploader.run("--json", run, variables={"PYTHONPATH": ""})
    assert ended.status == 0, ended.errors
    assert ended.document == {"result": "cataloged", "exit_status": 0, "job_id": 17}
