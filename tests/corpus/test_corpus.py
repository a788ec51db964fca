"""Every case ends at its stage with its code, within its bounds of time and memory; see `tests.corpus.case`."""

import re
from pathlib import Path

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from ingest.errors.types import FOR_UPLOADER
from ingest.ledger import jobs
from ingest.ledger.models import CatalogTransaction, Event
from ingest.states.job_record import Outcome
from tests.corpus.case import Accepted, Case, Refused
from tests.corpus.cases import CASES
from tests.corpus.report import Measured
from tests.corpus.running import Run, Runner

FAULT_CODE = re.compile(r"\[([a-z0-9_]+)\]")
REFUSED = [case for case in CASES if isinstance(case, Refused)]
ACCEPTED = [case for case in CASES if isinstance(case, Accepted)]
SMALL = next(case for case in ACCEPTED if case.name == "good small bundle")


@pytest.fixture(scope="module")
def memory_of_a_small_bundle(runner: Runner, tmp_path_factory: pytest.TempPathFactory) -> int:
    """Return the memory of a minimal job, in KiB."""
    run = runner.run(SMALL, tmp_path_factory.mktemp("small"))
    assert run.answer["ended"] is not None
    return run.answer["kibibytes"]


@pytest.fixture
def run(
    runner: Runner,
    case: Case,
    tmp_path: Path,
    memory_of_a_small_bundle: int,
    measured: list[Measured],
) -> Run:
    """Run the case and check its bounds."""
    run = runner.run(case, tmp_path)
    answer = run.answer
    mebibytes = (answer["kibibytes"] - memory_of_a_small_bundle) / 1024
    assert answer["ended"] is not None, f"signal {answer['signal']} stopped it after {answer['seconds']:.1f} s"
    assert answer["seconds"] < case.seconds
    assert mebibytes < case.mebibytes
    measured.append(Measured(case.name, answer["seconds"], mebibytes))
    return run


def test_names_of_cases_are_distinct():
    names = [case.name for case in CASES]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_upload_is_refused(case: Refused, run: Run, database_engine: Engine):
    ended = run.answer["ended"]
    assert ended is not None
    text = ended["text"]
    assert (ended["stage"], ended["code"]) == (case.stage, case.error.code), text
    assert ended["permanent"]
    assert text.startswith(FOR_UPLOADER)
    assert set(FAULT_CODE.findall(text)) == set(case.faults), text
    assert all(words in text for words in case.says), text
    assert text.isprintable(), "the text contains a character that could forge a line or control a terminal"
    assert _last_events(database_engine, run.job_id)[-1] == ("stage_failed", case.error.code, text)
    error = jobs.read(database_engine, run.job_id).record.error
    assert error is not None
    assert (error.stage, error.final) == (case.stage, True)
    _check_nothing_is_held(database_engine, run)


@pytest.mark.parametrize("case", ACCEPTED, ids=lambda case: case.name)
def test_odd_upload_is_accepted(case: Accepted, run: Run, database_engine: Engine):
    assert run.answer["ended"] == {"stage": "", "code": "", "text": "", "permanent": False}
    assert jobs.read(database_engine, run.job_id).record.outcome is Outcome.CATALOGED
    assert sorted(path.read_bytes() for path in run.archived) == sorted(case.contents)


def _last_events(engine: Engine, job_id: int) -> list[tuple[str, str | None, str]]:
    query = select(Event.kind, Event.code, Event.text).where(Event.job_id == job_id).order_by(Event.id)
    with Session(engine) as session:
        return [(kind, code, text) for kind, code, text in session.execute(query)]


def _check_nothing_is_held(engine: Engine, run: Run) -> None:
    assert run.archived == []
    with Session(engine) as session:
        assert session.get(CatalogTransaction, run.job_id) is None
    assert jobs.read(engine, run.job_id).record.outcome is Outcome.REJECTED
