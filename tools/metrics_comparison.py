"""Compare the metrics of a running API with its ledger, which is read as a whole and without the code of the metrics.

Used at the end of a soak, and by the tests of the whole stack. No job may be in progress.
"""

import re
from collections import Counter
from typing import Any

import requests
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, text

PREFIX = "pacifica_ingest_"
# The name of a sample and its labels.
Key = tuple[str, tuple[tuple[str, str], ...]]
EVENTS = """SELECT event.kind AS event, coalesce(job.kind, '') AS kind, coalesce(event.stage, '') AS stage,
    coalesce(event.code, '') AS code, event.text, job.files, job.bytes
    FROM event LEFT JOIN job ON job.id = event.job_id"""
JOBS = """SELECT kind, coalesce(ended, CASE WHEN holder IS NULL THEN 'waiting' ELSE 'running' END) AS state,
    CASE WHEN ended = 'failed' THEN coalesce(error_code, '') ELSE '' END AS code FROM job"""
FAILURES = {"stage_will_be_tried_again": "false", "stage_failed": "true"}
SIZE = re.compile(r"\d+")
# The names of all samples that are compared.
NAMES = (
    "archived_bytes_total",
    "archived_files_total",
    "events_total",
    "job_duration_seconds_count",
    "jobs",
    "received_bytes_total",
    "refused_uploads_total",
    "stage_duration_seconds_count",
    "stage_failures_total",
)


def compare_metrics(api: str, engine: Engine) -> list[str]:
    """Return a sentence for each metric that differs from the ledger."""
    expected, found = read_ledger(engine), read_samples(api)
    return [
        f"{name}{dict(labels)} is {found.get((name, labels))}, and the ledger has {expected.get((name, labels))}"
        for name, labels in sorted(expected.keys() | found.keys())
        if expected.get((name, labels)) != found.get((name, labels))
    ]


def read_samples(api: str) -> dict[Key, float]:
    """Return the samples of a scrape that are compared."""
    answer = requests.get(f"{api}/metrics", timeout=30)
    answer.raise_for_status()
    families = text_string_to_metric_families(answer.text)
    samples = [sample for family in families for sample in family.samples]
    return {
        _key(sample.name.removeprefix(PREFIX), **sample.labels): sample.value
        for sample in samples
        if sample.name.removeprefix(PREFIX) in NAMES
    }


def read_ledger(engine: Engine) -> dict[Key, float]:
    """Return what the samples must be."""
    values: Counter[Key] = Counter()
    with engine.connect() as connection:
        for row in connection.execute(text(EVENTS)).mappings():
            values.update(_of_event(row))
        for row in connection.execute(text(JOBS)).mappings():
            values[_key("jobs", **row)] += 1
    return dict(values)


def _of_event(row: Any) -> Counter[Key]:
    event, kind, stage, code = row["event"], row["kind"], row["stage"], row["code"]
    values = Counter({_key("events_total", kind=kind, event=event): 1})
    if event == "received":
        size = SIZE.match(row["text"])
        values[_key("received_bytes_total", kind=kind)] = int(size[0]) if size else 0
    elif event == "catalogued":
        values[_key("archived_files_total", kind=kind)] = row["files"] or 0
        values[_key("archived_bytes_total", kind=kind)] = row["bytes"] or 0
        values[_key("job_duration_seconds_count", kind=kind)] = 1
    elif event == "upload_refused":
        values[_key("refused_uploads_total", code=code)] = 1
    elif event == "stage_finished":
        values[_key("stage_duration_seconds_count", kind=kind, stage=stage)] = 1
    elif event in FAILURES:
        values[_key("stage_failures_total", kind=kind, stage=stage, code=code, final=FAILURES[event])] = 1
    return values


def _key(name: str, **labels: str) -> Key:
    return name, tuple(sorted(labels.items()))
