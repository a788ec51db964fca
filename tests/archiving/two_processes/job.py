"""A job that two processes work on, and that must end as if one had. Used by the tests of this folder."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from ingest.ledger.models import File, Job
from ingest.services import Services
from ingest.services.metadata import FileHash
from ingest.states.job_record import Outcome
from ingest.states.stages import STAGES, Kind, Stage
from tests.archiving.two_processes.process import StageProcess, Start
from tests.faults.points import Points
from tests.job_fixtures import RunStage
from tools.waiting import wait_until

WAIT_SECONDS = 60
BLOCK = 65536
CONTENTS = {"data/one.bin": b"1" * BLOCK * 16, "data/two.bin": b"2" * BLOCK * 16}
IN_CATALOG = {path.removeprefix("data/"): content for path, content in CONTENTS.items()}
# Sessions that hold, or wait for, the lock of a job (ingest.ledger.locks).
KEY = "(classid::bigint << 32) + objid::bigint"
SESSIONS = f"FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND {KEY} = :job AND granted = :granted"
CUT = f"SELECT pg_terminate_backend(pid) {SESSIONS}"
COUNT = f"SELECT count(*) {SESSIONS}"

Stored = Callable[[], set[str]]


@dataclass
class ContestedJob:
    """A job whose stages run in this process, or in processes that can be held."""

    job_id: int
    kind: Kind
    run_stage: RunStage
    start_process: Start
    points: Points
    services: Services
    engine: Engine
    stored: Stored
    stored_before: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self.stored_before = self.stored()

    def run_before(self, stage: Stage) -> None:
        """Run the stages before this one, in this process."""
        stages = STAGES[self.kind]
        for each in stages[: stages.index(stage)]:
            self.run_stage(self.job_id, each)

    def run_after(self, stage: Stage) -> None:
        """Run the stages after this one, in this process."""
        stages = STAGES[self.kind]
        for each in stages[stages.index(stage) + 1 :]:
            self.run_stage(self.job_id, each)

    def start(self, stage: Stage) -> StageProcess:
        """Start a process of a stage."""
        return self.start_process(stage, self.job_id)

    def start_held(self, stage: Stage, point: str, passes: int = 0) -> StageProcess:
        """Start a process of a stage that is held at a point."""
        self.points.arm(point, self.job_id, "hold", passes)
        process = self.start(stage)
        self.points.wait_until_reached(point, self.job_id)
        return process

    def release(self, point: str) -> None:
        """Let the held process continue."""
        self.points.release(point, self.job_id)

    def file_ids(self) -> list[int]:
        """Return the ids of the job's files, in the order of the bundle."""
        with Session(self.engine) as session:
            ids = session.scalars(select(File.file_id).where(File.job_id == self.job_id).order_by(File.position))
            return [file_id or 0 for file_id in ids]

    def cut_session(self) -> None:
        """End the session by which a process holds the job's lock; the process does not notice."""
        with self.engine.connect() as connection:
            connection.execute(text(CUT), {"job": self.job_id, "granted": True})
        wait_until(lambda: not self._sessions(granted=True), WAIT_SECONDS, lambda: "the session does not end")

    def wait_until_awaited(self) -> None:
        """Wait until a process waits for the job's lock."""
        wait_until(lambda: bool(self._sessions(granted=False)), WAIT_SECONDS, lambda: "no process waits")

    def assert_as_if_one_had_run(self) -> None:
        """Assert that archive, catalog and ledger hold each of the job's files once, and nothing else."""
        with Session(self.engine) as session:
            files = session.scalars(select(File).where(File.job_id == self.job_id)).all()
            assert session.get_one(Job, self.job_id).outcome == Outcome.CATALOGED
        assert {file.path: file.state for file in files} == dict.fromkeys(IN_CATALOG, "archived")
        archived = {file.path: b"".join(self.services.archive.get(file.file_id or 0)) for file in files}
        assert {path: len(content) for path, content in archived.items()} == dict.fromkeys(IN_CATALOG, BLOCK * 16)
        assert archived == IN_CATALOG
        hashes = {file.file_id: FileHash("sha1", file.hash_sum or "") for file in files}
        assert self.services.metadata.find(self.job_id) == hashes
        assert len(self.stored() - self.stored_before) == len(files)

    def _sessions(self, *, granted: bool) -> int:
        with self.engine.connect() as connection:
            return int(connection.execute(text(COUNT), {"job": self.job_id, "granted": granted}).scalar_one())
