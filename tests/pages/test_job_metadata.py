"""The page with the metadata of a job: what the uploader declared, as long as the bundle is in the spool."""

import json
import os
from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from ingest.ledger import jobs
from ingest.pages import job_metadata
from ingest.settings.loading import Settings
from ingest.states.stages import Kind, Stage
from tests.job_fixtures import MakeJob, RunStage
from tests.ledger.job_rows import set_columns
from tests.pages.job_examples import OPERATOR, words
from tools.bundles import CONTENTS, file_entry, make_bundle, transaction

VALUES = {"destinationTable": "TransactionKeyValue", "key": "sample <b>", "value": 7}
MARKUP = {"destinationTable": "TransactionKeyValue", "key": "comment", "value": "<script>alert(1)</script>\u202e\x1b"}
Show = Callable[[int], str]


@pytest.fixture
def show(settings: Settings, database_engine: Engine) -> Show:
    return lambda job: job_metadata.show_metadata(settings, database_engine, OPERATOR, job)


def bundle(*entries: object) -> bytes:
    files = [file_entry(path, content) for path, content in CONTENTS.items()]
    return make_bundle(metadata=json.dumps([*transaction(), *files, *entries]).encode())


def test_entries_are_listed_without_the_files(make_job: MakeJob, run_stage: RunStage, show: Show):
    job = make_job(bundle(VALUES))
    run_stage(job, Stage.OPEN_TAR)
    text = words(show(job))
    assert "Transactions.project" in text
    assert "TransactionKeyValue sample <b> 7" in text
    assert text.count("Files") == text.count('"Files"')


def test_markup_is_shown_harmless(make_job: MakeJob, run_stage: RunStage, show: Show):
    job = make_job(bundle(MARKUP))
    run_stage(job, Stage.OPEN_TAR)
    page = show(job)
    assert "alert(1)" in page
    assert not any(harmful in page for harmful in ("<script>alert", "\u202e", "\x1b"))


def test_of_a_long_document_the_beginning_is_shown(
    make_job: MakeJob, run_stage: RunStage, show: Show, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(job_metadata, "MOST_BYTES", 300)
    job = make_job(bundle(*[VALUES] * 100))
    run_stage(job, Stage.OPEN_TAR)
    page = show(job)
    assert "the beginning of" in words(page)
    assert "Transactions." in words(page)
    assert page.count("sample") == 0


def test_malformed_document_is_shown_as_it_is(
    make_job: MakeJob, settings: Settings, database_engine: Engine, show: Show
):
    job = make_job(b'[{"destinationTable": "T", "value": 1}, oops \xff')
    set_columns(database_engine, job, metadata_offset=0, metadata_size=46)
    text = words(show(job))
    assert "T 1" in text
    assert "oops �" in text


def test_document_of_a_move_is_the_whole_file(make_job: MakeJob, show: Show):
    job = make_job(json.dumps([VALUES]).encode(), Kind.MOVE)
    assert "TransactionKeyValue sample <b> 7" in words(show(job))


def test_bundle_that_was_not_read_or_is_gone_is_explained(
    make_job: MakeJob, settings: Settings, database_engine: Engine, show: Show
):
    job = make_job()
    assert "has not been read yet" in words(show(job))
    set_columns(database_engine, job, metadata_offset=0, metadata_size=10)
    (settings.volume_path / f"{job}.tar").unlink()
    assert "cannot be read from the spool: No such file or directory." in words(show(job))
    set_columns(database_engine, job, spool_name="")
    assert "was removed from the spool" in words(show(job))


def test_a_spool_that_hangs_holds_no_request(
    make_job: MakeJob,
    run_stage: RunStage,
    show: Show,
    settings: Settings,
    database_engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
):
    job = make_job(bundle())
    run_stage(job, Stage.OPEN_TAR)
    path = settings.volume_path / jobs.read(database_engine, job).received.spool_name
    path.unlink()
    # Opening it waits for a writer.
    os.mkfifo(path)
    monkeypatch.setattr(job_metadata, "MOST_SECONDS", 0.2)
    assert "The spool does not respond" in words(show(job))
    os.close(os.open(path, os.O_RDWR))
