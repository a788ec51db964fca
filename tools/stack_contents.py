"""The contents of archive and catalog for a job, read directly."""

from pathlib import Path

from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from ingest.ledger.models import CatalogFile, CatalogTransaction, Event, File, FileState, Job
from ingest.services.archive_folder import FolderArchive

BLOCK = 1024 * 1024


def cataloged(engine: Engine, job_id: int) -> dict[str, dict[str, object]] | None:
    """Return the catalog's files of a job by their path; None when it does not hold the transaction."""
    with Session(engine) as session:
        if session.get(CatalogTransaction, job_id) is None:
            return None
        entries = session.scalars(select(CatalogFile.entry).where(CatalogFile.transaction_id == job_id)).all()
    return {"/".join(filter(None, (entry["subdir"], entry["name"]))): entry for entry in entries}


def archived(home: Path, entries: dict[str, dict[str, object]]) -> dict[str, bytes]:
    """Return the bytes that the archive holds of cataloged files, by their path."""
    archive = FolderArchive(f"file://{home}/archive".replace(" ", "%20"), BLOCK)
    return {path: b"".join(archive.get(int(str(entry["_id"])))) for path, entry in entries.items()}


def stored_names(home: Path) -> set[str]:
    """Return the names of all files that the archive stores, without its marker."""
    return {str(path.relative_to(home / "archive")) for path in (home / "archive").glob("*/*/*") if path.is_file()}


def file_ids(engine: Engine, job_id: int) -> list[int | None]:
    """Return the ids of a job's files in the ledger; a skipped member is no file of the job."""
    is_of_job = (File.job_id == job_id) & (File.state != FileState.SKIPPED)
    with Session(engine) as session:
        return list(session.scalars(select(File.file_id).where(is_of_job).order_by(File.path)))


def next_job_id(engine: Engine) -> int:
    """Return the id that the next upload gets from the built-in service."""
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT last_value + is_called::int FROM job_id_seq")).scalar_one())


def events(engine: Engine, job_id: int) -> list[str]:
    """Return the kinds of a job's events, in their order."""
    with Session(engine) as session:
        return list(session.scalars(select(Event.kind).where(Event.job_id == job_id).order_by(Event.id)))


def in_catalog_form(contents: dict[str, bytes]) -> dict[str, bytes]:
    """Return contents by their path in the catalog, without `data/`."""
    return {path.removeprefix("data/"): content for path, content in contents.items()}


def holder(engine: Engine, job_id: int) -> int:
    """Return the process that works on a job."""
    with Session(engine) as session:
        name = session.scalars(select(Job.holder).where(Job.id == job_id)).one()
    assert name, f"no process works on job {job_id}"
    return int(name.split(":")[1])
