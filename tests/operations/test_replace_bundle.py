"""`retry --path`: the file that is copied is the one that was opened, even if its name is reused."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from ingest.ledger import jobs, uploads, webhooks
from ingest.ledger.database import transaction
from ingest.ledger.models import Notification
from ingest.operations import replace_bundle
from ingest.operations.replace_bundle import run_with_file
from ingest.orchestrator.client import AirflowApi
from ingest.settings.loading import Settings
from ingest.settings.webhooks import Webhook
from ingest.spool import Announced
from ingest.states.airflow import Run, RunState
from ingest.states.stages import Kind
from tests.ledger.job_rows import row, set_columns

JOB = 7_300_001


class NoAirflow(AirflowApi):
    """No Airflow: nothing is started."""

    def __init__(self) -> None:
        """Connect to nothing."""

    def trigger(self, *_: object) -> bool:
        """Start nothing."""
        return True

    def fail(self, *_: object) -> None:
        """End nothing."""

    def run(self, *_: object) -> Run:
        """Return a run in progress."""
        return Run(RunState.RUNNING)


def test_file_that_is_exchanged_while_it_is_copied_is_copied_as_it_was_opened(
    settings: Settings, database_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path, other = tmp_path / "fixed.tar", tmp_path / "other.tar"
    path.write_bytes(b"fixed")
    other.write_bytes(b"of somebody else, and longer")
    announced = uploads.announced

    @contextmanager
    def exchanged(engine: Engine, folder: Path, upload: Announced, kept_free: int) -> Iterator[None]:
        with announced(engine, folder, upload, kept_free):
            other.rename(path)
            yield

    monkeypatch.setattr(replace_bundle.uploads, "announced", exchanged)
    run_with_file(settings, database_engine, NoAirflow(), JOB, "ada", Kind.INGEST, path)
    received = jobs.read(database_engine, JOB).received
    assert (settings.volume_path / received.spool_name).read_bytes() == b"fixed"
    assert received.size == len(b"fixed")


def test_what_the_old_bundle_declared_is_forgotten(settings: Settings, database_engine: Engine, tmp_path: Path):
    path = tmp_path / "fixed.tar"
    path.write_bytes(b"fixed")
    run_with_file(settings, database_engine, NoAirflow(), JOB + 1, "ada", Kind.INGEST, path)
    set_columns(database_engine, JOB + 1, project="1234a", instrument="54", files=2, bytes=20)
    run_with_file(settings, database_engine, NoAirflow(), JOB + 1, "ada", Kind.INGEST, path)
    job = row(database_engine, JOB + 1)
    assert [job.project, job.instrument, job.files, job.bytes] == [None] * 4


def test_webhooks_are_not_notified_of_a_failure_while_a_bundle_is_replaced(
    settings: Settings, separate_engine: Engine, separate_url: str, tmp_path: Path
):
    path = tmp_path / "fixed.tar"
    path.write_bytes(b"fixed")
    separate = settings.model_copy(update={"database_url": separate_url})
    secret = "whsec_" + "c2VjcmV0" * 4
    webhook = Webhook.model_validate({"name": "lab", "url": "http://lab", "secret": secret, "allow_private": "true"})
    webhooks.synchronize(separate_engine, [webhook])
    for _ in range(2):
        run_with_file(separate, separate_engine, NoAirflow(), JOB + 2, "ada", Kind.INGEST, path)
    with transaction(separate_engine) as session:
        notified = session.scalars(select(Notification.type).where(Notification.job_id == JOB + 2)).all()
    assert notified == ["job.received"]
