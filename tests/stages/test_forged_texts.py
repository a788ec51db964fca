"""Texts of uploads and services cannot forge stored, logged or printed lines about a job, or become paths."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from ingest.cli.main import main
from ingest.errors.types import IngestError
from ingest.ledger import lease
from ingest.ledger.models import Event, Job
from ingest.services.archive import OpenFile
from ingest.services.archive_folder import FolderArchive
from ingest.settings.loading import Settings
from ingest.stages import run_stage
from ingest.states.stages import STAGES, Kind
from tests.hostile_texts import ALL_HOSTILE
from tests.job_fixtures import MakeJob
from tests.services.scripted_server import ScriptedServer, failure, scripted_server
from tools.bundles import Entry, file_entry, make_bundle, make_tar, metadata_of, transaction

RunJob = Callable[[bytes, Kind], tuple[int, list[object]]]
NAMES = ("\u202egnp.exe", "日本", "-rf", "~", "$(id)", "a'b\"c", ".pacifica-ingest-7", "con", "'; DROP TABLE job; --")


@pytest.fixture
def policy(settings: Settings) -> Iterator[ScriptedServer]:
    """Yield a policy service with scripted responses."""
    with scripted_server() as server:
        object.__setattr__(settings, "policy_ingest_url", server.url)
        yield server


@pytest.fixture
def run_job(settings: Settings, make_job: MakeJob, shared_engine: None, monkeypatch: pytest.MonkeyPatch) -> RunJob:
    """Run all stages of a job as tasks do, until one fails; return the job, and the results or errors of the stages."""
    monkeypatch.setattr(run_stage, "load_settings", lambda: settings)
    monkeypatch.setattr(lease, "CHECK_SECONDS", 0.0)

    def run(body: bytes, kind: Kind) -> tuple[int, list[object]]:
        job = make_job(body, kind)
        results: list[object] = []
        for stage in STAGES[kind]:
            try:
                results.append(run_stage.run_stage(stage, job, 1, last_try=True))
            except IngestError as error:
                return job, [*results, error]
        return job, results

    return run


@pytest.fixture
def job_texts(
    database_engine: Engine,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    settings_in_environment: None,
) -> Callable[[int, Sequence[object]], list[str]]:
    """Collect all lines about a job: events, errors, logs, and the output of `show` and `reconcile`."""

    def gather(job: int, results: Sequence[object]) -> list[str]:
        with Session(database_engine) as session:
            texts = list(session.scalars(select(Event.text).where(Event.job_id == job)))
            row = session.get_one(Job, job)
            texts += [each["text"] for each in (row.error, row.rejection) if each]
        texts += [record.getMessage() for record in caplog.records]
        texts += [str(result) for result in results]
        capsys.readouterr()
        main(["show", "--job-id", str(job)])
        main(["show", "--job-id", str(job), "--json"])
        main(["reconcile", "--job-id", str(job)])
        printed = capsys.readouterr()
        return [*texts, *printed.out.split("\n"), *printed.err.split("\n")]

    return gather


def hostile_bundles(text: str) -> Iterator[bytes]:
    """Yield bundles with a text in every place that an uploader controls: a valid one, then different invalid ones."""
    contents = {f"data/{text.replace('/', '')}": b"x"}
    yield make_bundle(contents)
    yield make_bundle(contents, [*transaction(), file_entry("data/lacking", b"x", name=text)])
    yield make_bundle(contents, [{**entry, "hashsum": text} for entry in metadata_of(contents)])
    yield make_bundle(contents, [{**entry, "hashsum": "0" * 40} for entry in metadata_of(contents)])
    yield make_bundle(contents, f"[{text}".encode())
    yield make_tar({text: b"x", f"data/../{text}": b"x"})
    values: list[Entry] = [{**entry, "value": text} if "value" in entry else entry for entry in metadata_of(contents)]
    yield make_bundle(contents, [*values, {"destinationTable": text, "key": text, "value": text}])


@pytest.mark.parametrize("number", range(7))
def test_no_bundle_forges_the_texts_about_its_job(run_job: RunJob, job_texts: Any, number: int):
    body = list(hostile_bundles(ALL_HOSTILE))[number]
    assert [line for line in job_texts(*run_job(body, Kind.INGEST)) if not line.isprintable()] == []


def test_no_move_forges_the_texts_about_its_job(run_job: RunJob, job_texts: Any, settings: Settings):
    text = ALL_HOSTILE
    source = f"{settings.move_folders[0]}/{text}"
    for wrong in ({"source": source}, {"source": text}, {"source": f"{settings.volume_path}/{text}"}):
        document = json.dumps([*transaction(), file_entry("data/one", b"x", **wrong)]).encode()
        assert [line for line in job_texts(*run_job(document, Kind.MOVE)) if not line.isprintable()] == []


@pytest.mark.parametrize("status", [412, 500])
def test_no_service_forges_the_texts_about_a_job(run_job: RunJob, job_texts: Any, policy: ScriptedServer, status: int):
    policy.then(failure(f"ValueError: {ALL_HOSTILE}", status, ALL_HOSTILE))
    job, results = run_job(make_bundle(), Kind.INGEST)
    assert isinstance(results[-1], IngestError)
    assert [line for line in job_texts(job, results) if not line.isprintable()] == []


def test_names_from_metadata_never_become_paths(run_job: RunJob, settings: Settings, tmp_path: Path):
    contents = {f"data/{name}/{name}": b"x" for name in NAMES}
    _, results = run_job(make_bundle(contents), Kind.INGEST)
    assert not isinstance(results[-1], IngestError)
    archived = list((tmp_path / "archive").glob("*/*/*"))
    assert len([path for path in archived if path.is_file()]) == len(NAMES)
    assert all(part.isdecimal() for path in archived for part in path.relative_to(tmp_path / "archive").parts)
    assert list(settings.volume_path.iterdir()) == []


def test_hidden_names_beside_a_source_are_made_of_ids(
    run_job: RunJob, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    folder = settings.move_folders[0]
    sources = [folder / name for name in NAMES if not name.startswith(".pacifica-ingest-")]
    for source in sources:
        source.write_bytes(b"x")
    entries = [file_entry(f"data/{number}", b"x", source=str(source)) for number, source in enumerate(sources)]
    beside: set[str] = set()
    take = FolderArchive.move

    def look(self: FolderArchive, file_id: int, source: OpenFile) -> None:
        beside.update(path.name for path in folder.iterdir() if path not in sources)
        take(self, file_id, source)

    monkeypatch.setattr(FolderArchive, "move", look)
    _, results = run_job(json.dumps([*transaction(), *entries]).encode(), Kind.MOVE)
    assert not isinstance(results[-1], IngestError)
    assert len(beside) == len(sources)
    assert all(name.removeprefix(".pacifica-ingest-").isdecimal() for name in beside)
