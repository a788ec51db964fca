"""The subcommand `show`: everything that is known about a job, as text or as JSON."""

import argparse
import json
from collections.abc import Iterator

from sqlalchemy import Engine

from ingest.cli.options import Subcommands, add_job_id
from ingest.errors.types import ServiceUnavailable
from ingest.ledger import jobs
from ingest.ledger.job_history import Document, read
from ingest.orchestrator.client import AirflowApi
from ingest.orchestrator.obstacles import REPORT_TIMEOUT_SECONDS, job_obstacles
from ingest.settings.loading import Settings
from ingest.states.waiting import Waiting
from ingest.system.sanitize import escape

NOTHING = "-"


def add(subcommands: Subcommands) -> None:
    """Declare the subcommand."""
    show = subcommands.add_parser(
        "show",
        help="show a job: its state, its files and its events",
        description="Show everything that the ledger holds about a job, and its events in order. Times are UTC.",
    )
    add_job_id(show)
    show.add_argument("--json", action="store_true", help="print one JSON document")
    show.set_defaults(run=_run)


def _run(options: argparse.Namespace, settings: Settings, engine: Engine) -> int:
    document = read(engine, options.job_id)
    if document["job"]:
        document["job"]["obstacles"] = _obstacles(settings, engine, options.job_id)
    if options.json:
        print(json.dumps(document, indent=2, default=str))  # noqa: T201 - a command speaks to a person
        return 0
    for line in _lines(document):
        print(escape(line))  # noqa: T201
    return 0


def _lines(document: Document) -> Iterator[str]:
    yield f"job: {document['job_id']}"
    facts = _job_facts(document["job"]) if document["job"] else {}
    if document["original"]:
        facts["received by the original service"] = "{state} {task} {task_percent}% {exception}".format(
            **document["original"]
        )
    for upload in document["uploads"]:
        size = "no size" if upload["size"] is None else f"{upload['size']} bytes"
        facts[f"upload {upload['spool_name']}"] = f"since {upload['started']}, {size} announced"
    for state, found in document["files"].items():
        facts[f"files {state}"] = f"{found['files']} with {found['bytes']} bytes"
    for name, fact in facts.items():
        yield f"{name}: {fact or NOTHING}"
    yield ""
    for event in document["events"]:
        yield _event_line(event)


def _job_facts(job: Document) -> dict[str, str | None]:
    return {
        "kind": job["kind"],
        "user": job["user"],
        "size": f"{job['size']} bytes",
        "received": job["created"],
        "run": f"{job['run_id']}, triggered {job['triggered'] or 'not yet'}",
        "trace": job["trace_id"],
        "bundle": job["spool_name"] or "removed from the spool",
        "stage": f"{job['stage']}, {job['percent']:.1f} %" if job["stage"] else None,
        "finished": job["finished"],
        "outcome": job["outcome"],
        "set by an admin": "{state} {task}: {exception}".format(**job["override"]) if job["override"] else None,
        "error": _error_text(job["error"]) if job["error"] else None,
        "waits": Waiting.from_stored(job["waiting"]).sentence if job["waiting"] else None,
        "tries": ", ".join(f"{stage} {count}" for stage, count in job["tries"].items()),
        "cleared by housekeeping": f"{job['clears']} times" if job["clears"] else None,
        "left out": f"{job['skipped_members']} files that the metadata does not list"
        if job["skipped_members"]
        else None,
        "held by": job["holder"],
        "cannot run in Airflow": "; ".join(job["obstacles"]),
    }


def _obstacles(settings: Settings, engine: Engine, job_id: int) -> list[str]:
    """Return what prevents Airflow from running the job, or why that is unknown."""
    try:
        return job_obstacles(AirflowApi(settings), jobs.read(engine, job_id), REPORT_TIMEOUT_SECONDS)
    except ServiceUnavailable as error:
        return [f"unknown: {error}"]


def _error_text(error: Document) -> str:
    follows = "no try follows" if error["final"] else "another try follows"
    return f"{error['stage']}, {follows}: {error['code']}: {error['text']}"


def _event_line(event: Document) -> str:
    detail = ": ".join(part for part in (event["code"], event["text"]) if part)
    stage = f"{event['stage']} {event['attempt'] or ''}".rstrip() if event["stage"] else NOTHING
    return f"{event['at']}  {stage:<17}  {event['kind']:<25}  {detail}".rstrip()
