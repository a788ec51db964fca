"""Three uploads, run through all stages in this process, and the comparison that verifies them."""

from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest.errors.types import Rejection
from ingest.ledger import lease
from ingest.services import Services
from ingest.settings.loading import Settings
from ingest.stages import run_stage
from ingest.states.stages import STAGES, Kind
from tests.job_fixtures import MakeJob
from tools.soak.comparison import Comparison
from tools.soak.holdings import BuiltIn
from tools.soak.journal import Journal
from tools.soak.uploads import Mistake, Upload, body, upload

SEED = 1
Jobs = dict[str, int]


@pytest.fixture
def database_url(separate_url: str) -> str:
    """Return the URL of a separate ledger, because everything in it is compared."""
    return separate_url


@pytest.fixture
def database_engine(separate_engine: Engine) -> Engine:
    """Return an engine on the separate ledger, which is empty."""
    return separate_engine


@pytest.fixture
def comparison(database_engine: Engine, services: Services, tmp_path: Path) -> Comparison:
    holdings = BuiltIn(tmp_path, database_engine)
    return Comparison(SEED, tmp_path, database_engine, services.archive, holdings, Journal())


@pytest.fixture
def jobs(
    comparison: Comparison,
    make_job: MakeJob,
    settings: Settings,
    shared_engine: None,
    monkeypatch: pytest.MonkeyPatch,
) -> dict[str, int]:
    """Return a bundle and a move that were archived, and a bundle that was rejected after its first files were sent."""
    monkeypatch.setattr(run_stage, "load_settings", lambda: settings)
    monkeypatch.setattr(lease, "CHECK_SECONDS", 0.0)
    made = {
        "bundle": first_upload(Kind.INGEST, None),
        "move": first_upload(Kind.MOVE, None),
        "rejected": first_upload(Kind.INGEST, Mistake.WRONG_HASH),
    }
    return {name: carry_through(each, comparison, make_job) for name, each in made.items()}


def first_upload(kind: Kind, mistake: Mistake | None) -> Upload:
    """Return the first upload of a kind with a mistake, or with none."""
    several = (upload(SEED, number) for number in count(1))
    wanted = (each for each in several if (each.kind, each.mistake, each.cut) == (kind, mistake, False))
    return next(each for each in wanted if 1 < len(each.files) < 100)


def carry_through(made: Upload, comparison: Comparison, make_job: MakeJob) -> int:
    """Create the job of an upload, record its answer, and run all stages; return the job id."""
    job_id = make_job(body(made, comparison.home), made.kind)
    comparison.journal.record_answer(made, job_id)
    with suppress(Rejection):
        for stage in STAGES[made.kind]:
            run_stage.run_stage(stage, job_id, 1, last_try=True)
    return job_id
