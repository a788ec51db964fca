"""The commands of docs/how-to/back-up-and-restore.md, run on a real stack with jobs in several states."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from ingest.ledger.database import make_engine
from ingest.ledger.models import File, Job
from ingest.local.environment import database_url
from ingest.settings.loading import Settings
from tests.archive_outage import ArchiveOutage
from tests.faults.end_assertions import assert_complete, ids_given_twice, ownerless
from tools.bundles import CONTENTS, file_entry, make_bundle, transaction
from tools.pacifica_core.database import postgres_in
from tools.stack import Stack, ledger_of, running_stack
from tools.stack_contents import file_ids

PROJECT = Path(__file__).parents[2]
PAGE = PROJECT / "docs/how-to/back-up-and-restore.md"
SECTION = re.compile(
    r"^## Back up while the stack is stopped\n(.*?)^## What a restore loses\n", re.MULTILINE | re.DOTALL
)
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND_SECONDS = 120
# A job that waits for the archive has tries left when the archive is back.
SETTINGS = {"INGEST_RETRIES": "100", "INGEST_RETRY_DELAY": "1", "INGEST_MAX_RETRY_DELAY": "2"}
WRONG_HASH = [*transaction(), file_entry("data/one.txt", b"one", hashsum="0" * 40)]
COPY_OF_THE_STOPPED, PAUSE, COPY, LET_RUN, LAY_OUT, AFTER_THE_START = range(6)


@dataclass(frozen=True)
class Jobs:
    """The jobs of the stack that is lost."""

    complete: int
    waiting: int
    rejected: int
    received: int
    answered_later: int
    largest_file_id: int


def run_commands(number: int, environment: Mapping[str, str]) -> None:
    """Run a block of commands of the section, as an admin's shell does."""
    section = SECTION.search(PAGE.read_text(encoding="utf-8"))
    assert section
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-e", "-c", BLOCK.findall(section[1])[number]],
        env={**os.environ, **environment, "PATH": path},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def back_up(stack: Stack, ledger: Engine, folder: Path) -> Jobs:
    """Back a running stack up while one job waits for the archive and another one is received."""
    backup = {**stack.environment, "BACKUP": str(folder)}
    complete, rejected = stack.post(make_bundle()), stack.post(make_bundle({"data/one.txt": b"one"}, WRONG_HASH))
    assert (stack.wait_for_end(complete)["state"], stack.wait_for_end(rejected)["state"]) == ("OK", "FAILED")
    with ArchiveOutage(stack.home / "archive").unavailable():
        waiting = stack.post(make_bundle())
        stack.wait(waiting, lambda state: bool(state["exception"]))
        run_commands(PAUSE, backup)
    received = stack.post(make_bundle())
    run_commands(COPY, backup)
    run_commands(LET_RUN, backup)
    later = stack.post(make_bundle())
    for job in (waiting, received, later):
        assert_complete(stack, ledger, job, CONTENTS)
    largest = max(file_id or 0 for file_id in file_ids(ledger, later))
    return Jobs(complete, waiting, rejected, received, later, largest)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("backup")


@pytest.fixture(scope="module")
def lost(folder: Path) -> Jobs:
    """Back up a stack and destroy it; return its jobs."""
    home = folder / "lost"
    with running_stack(home, SETTINGS) as stack, ledger_of(stack) as ledger:
        jobs = back_up(stack, ledger, folder / "running")
    run_commands(COPY_OF_THE_STOPPED, {"INGEST_HOME": str(home), "BACKUP": str(folder / "stopped")})
    shutil.rmtree(home)
    return jobs


def test_jobs_continue_after_a_restore_and_no_id_is_allocated_twice(folder: Path, lost: Jobs):
    home = folder / "restored"
    run_commands(LAY_OUT, {"INGEST_HOME": str(home), "BACKUP": str(folder / "running")})
    with running_stack(home, SETTINGS) as stack:
        run_commands(AFTER_THE_START, stack.environment)
        with ledger_of(stack) as ledger:
            assert_restored(stack, ledger, lost)


def assert_restored(stack: Stack, ledger: Engine, lost: Jobs) -> None:
    for job in (lost.complete, lost.waiting, lost.received):
        assert_complete(stack, ledger, job, CONTENTS)
    assert stack.state(lost.rejected)["state"] == "FAILED"
    with Session(ledger) as session:
        assert session.get(Job, lost.answered_later) is None
    new = stack.post(make_bundle())
    assert new > lost.answered_later
    assert_complete(stack, ledger, new, CONTENTS)
    assert min(file_id or 0 for file_id in file_ids(ledger, new)) > lost.largest_file_id
    assert ids_given_twice(ledger) == []
    assert ownerless(stack, ledger) == set()


def test_copy_of_the_stopped_stack_holds_every_job_and_file(folder: Path, lost: Jobs):
    with postgres_in(folder / "stopped") as layout:
        ledger = make_engine(Settings(database_url=database_url(layout, "ingest")), pool_size=1)
        assert_holds_all(folder / "stopped/archive", ledger, lost)
        ledger.dispose()


def assert_holds_all(archive: Path, ledger: Engine, lost: Jobs) -> None:
    with Session(ledger) as session:
        jobs = (lost.complete, lost.waiting, lost.received, lost.answered_later)
        assert set(session.scalars(select(Job.id).where(Job.outcome == "catalogued"))) == set(jobs)
        ids = session.scalars(select(File.file_id).where(File.job_id.in_(jobs))).all()
    names = {int(path.name) for path in archive.glob("*/*/*") if path.is_file()}
    assert names == set(ids)
