"""`pacifica-ingest-cmd dbsync`: brings the tables to this version, takes over the original's jobs, and says what it did.

Called by `ingest.cli.main`. May be repeated at any time.
"""

import sys

from sqlalchemy import Engine

from ingest.ledger.database import upgrade_schema
from ingest.ledger.legacy_jobs import ImportResult, import_jobs
from ingest.settings.loading import BUILT_IN, Settings, sources

SERVICES = {
    "uniqueid_url": "UniqueID",
    "policy_ingest_url": "Policy",
    "archiveinterface_url": "ArchiveInterface",
    "metadata_ingest_url": "Metadata",
}


def synchronise(settings: Settings, engine: Engine) -> None:
    """Make or upgrade the tables; where the original's are beside them, take its jobs over and report on stdout.

    Raises ConfigurationError, DatabaseUnavailable.
    """
    upgrade_schema(engine)
    taken = import_jobs(engine)
    if taken is None:
        return
    sys.stdout.writelines(f"{line}\n" for line in report(taken))
    built_in = [f"{name} ({sources(Settings)[field]['environment'][0]})" for field, name in built_in_services(settings)]
    if taken.count and built_in:
        sys.stderr.write(
            f"pacifica-ingest-cmd: warning: built in are {', '.join(built_in)}; the original always used real services, "
            "at http://127.0.0.1:8051 and the like if nothing was set: name the URLs in every process's settings\n"
        )


def report(taken: ImportResult) -> list[str]:
    """Say what was taken over, and which jobs somebody must look after."""
    lines = [f"{_jobs(taken.count)} of the original taken over"]
    if taken.unfinished:
        ids = [*map(str, taken.first_unfinished), *(["..."] if taken.unfinished > len(taken.first_unfinished) else [])]
        lines.append(
            f"{_jobs(taken.unfinished)} of the original had not ended: {', '.join(ids)}: run them again with retry --path, "
            "or wait until its workers have finished them and call dbsync again"
        )
    return lines


def built_in_services(settings: Settings) -> list[tuple[str, str]]:
    """Give field and name of each service that no URL is set for."""
    return [
        (field, name)
        for field, name in SERVICES.items()
        if getattr(settings, field) == BUILT_IN or getattr(settings, field).startswith("file:")
    ]


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"
