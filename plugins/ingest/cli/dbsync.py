"""Implements `pacifica-ingest-cmd dbsync`: upgrades the tables and imports the jobs of the original service.

Called by `ingest.cli.schema`. Every run may be repeated.
"""

import sys

from sqlalchemy import Engine

from ingest.ledger.legacy_jobs import ImportResult, import_jobs
from ingest.ledger.schema import upgrade_schema
from ingest.settings.loading import BUILT_IN, Settings, sources

SERVICES = {
    "uniqueid_url": "UniqueID",
    "policy_ingest_url": "Policy",
    "archiveinterface_url": "ArchiveInterface",
    "metadata_ingest_url": "Metadata",
}


def synchronize(settings: Settings, engine: Engine) -> None:
    """Create or upgrade the tables, import the original service's jobs if its tables are there, and report on stdout.

    Raises ConfigurationError, DatabaseUnavailable.
    """
    upgrade_schema(engine)
    result = import_jobs(engine)
    if result is None:
        return
    sys.stdout.writelines(f"{line}\n" for line in report(result))
    built_in = [f"{name} ({sources(Settings)[field]['environment'][0]})" for field, name in built_in_services(settings)]
    if result.count and built_in:
        sys.stderr.write(
            f"pacifica-ingest-cmd: warning: these services are built in: {', '.join(built_in)}; the original service always "
            "used real ones, by default at http://127.0.0.1:8051 and the like; set their URLs for every process\n"
        )


def report(result: ImportResult) -> list[str]:
    """Return lines with the number of imported jobs, and the jobs that an admin must act on."""
    lines = [f"{_jobs(result.count)} of the original service imported"]
    if result.unfinished:
        more = ["..."] if result.unfinished > len(result.first_unfinished) else []
        ids = [*map(str, result.first_unfinished), *more]
        lines.append(
            f"{_jobs(result.unfinished)} of the original service had not ended: {', '.join(ids)}; run each again with "
            "retry --path, or wait until its workers have finished them and run dbsync again"
        )
    return lines


def built_in_services(settings: Settings) -> list[tuple[str, str]]:
    """Return the field and the name of each service that has no URL."""
    return [
        (field, name)
        for field, name in SERVICES.items()
        if getattr(settings, field) == BUILT_IN or getattr(settings, field).startswith("file:")
    ]


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"
