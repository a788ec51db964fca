"""Runs a case: writes its upload to its own spool, inserts its job, and runs its stages in a measured child process."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from ingest.ledger.jobs import Received
from ingest.services.uniqueid import BuiltInUniqueID
from ingest.settings.loading import BUILT_IN
from tests.corpus.case import Case, sources_beside
from tests.corpus.fork_server import Answer, Request
from tests.job_creation import create_job
from tests.services.archive_folders import marked_archive


@dataclass(frozen=True)
class Run:
    """A finished run of a case: its job, its folder, and the answer and measurements of the child process."""

    job_id: int
    folder: Path
    answer: Answer

    @property
    def archived(self) -> list[Path]:
        """Return the files in the archive."""
        return [path for path in (self.folder / "archive").glob("*/*/*") if path.is_file()]


class Runner:
    """Runs cases in child processes of the fork server."""

    def __init__(self, server: subprocess.Popen[str], engine: Engine, database_url: str) -> None:
        self._server = server
        self._engine = engine
        self._database_url = database_url

    def run(self, case: Case, folder: Path) -> Run:
        """Run a case in its own folder; the creation of the upload is not measured."""
        job_id = self._receive(case, folder)
        request = Request(
            job_id=job_id,
            kind=case.kind,
            environment={**self._environment(folder), **case.environment},
            seconds=case.seconds,
        )
        return Run(job_id, folder, self._request(request))

    def _receive(self, case: Case, folder: Path) -> int:
        spool = folder / "spool"
        spool.mkdir()
        job_id = BuiltInUniqueID(self._engine).allocate("upload_job", 1)[0]
        path = spool / f"{job_id}.tar"
        case.build(path)
        create_job(self._engine, Received(job_id, case.kind, "ada", path.name, path.stat().st_size))
        return job_id

    def _environment(self, folder: Path) -> dict[str, str]:
        return {
            "INGEST_CONFIG": "",
            "INGEST_DATABASE_URL": self._database_url,
            "VOLUME_PATH": str(folder / "spool"),
            "ARCHIVEINTERFACE_URL": marked_archive(folder / "archive"),
            "INGEST_MOVE_FOLDERS": str(sources_beside(folder / "spool" / "any")),
            "UNIQUEID_URL": BUILT_IN,
            "POLICY_INGEST_URL": BUILT_IN,
            "METADATA_INGEST_URL": BUILT_IN,
        }

    def _request(self, request: Request) -> Answer:
        assert self._server.stdin
        assert self._server.stdout
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        line = self._server.stdout.readline()
        assert line, "the fork server has ended"
        answer: Answer = json.loads(line)
        return answer
