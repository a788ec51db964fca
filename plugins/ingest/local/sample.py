"""Upload a sample bundle with the documented calls, and print its states. Called at the end of a launch."""

import hashlib
import io
import json
import tarfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import requests

from ingest.local.ports import Ports
from ingest.local.reporting import say
from ingest.settings.access import NONE, OPEN
from ingest.states.job_record import JobStatus

TIMEOUT_SECONDS = 30
SAMPLE_SECONDS = 180
POLL_SECONDS = 0.05
CONTENTS = {
    "experiment/results.csv": b"sample,mass\n1,18.015\n2,44.010\n" * 20000,
    "experiment/settings.ini": b"[instrument]\nvoltage = 200 kV\n",
    "notes.txt": "What was measured, and by whom: Grüße aus dem Labor.\n".encode(),
}


def make_bundle(contents: Mapping[str, bytes], now: datetime) -> bytes:
    """Return a bundle: a tar of the contents below `data/`, with `metadata.txt` at its end."""
    members = {f"data/{path}": content for path, content in contents.items()}
    metadata = [*_transaction(), *(_file(path, content, now) for path, content in members.items())]
    members["metadata.txt"] = json.dumps(metadata, indent=1).encode()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as bundle:
        for path, content in members.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            member.mtime = int(now.timestamp())
            bundle.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def ingest_sample(ports: Ports, authentication: str) -> None:
    """Upload a bundle and print the states of its job, until the job has ended or takes too long.

    Skipped if callers must authenticate, because the launcher has no account.
    """
    if authentication not in (NONE, OPEN):
        say(f"  The sample bundle is skipped, because authentication is {authentication}.")
        return
    session = requests.Session()
    session.trust_env = False
    try:
        _follow(session, ports, _upload(session, ports))
    except requests.RequestException as error:
        say(f"  The sample bundle could not be ingested: {error}")


def _upload(session: requests.Session, ports: Ports) -> int:
    bundle = make_bundle(CONTENTS, datetime.now(UTC))
    say(f"\nA sample bundle of {len(CONTENTS)} files, {len(bundle)} bytes:\n  POST {ports.ingest_url}/ingest")
    headers = {"Content-Type": "application/octet-stream"}
    answer = session.post(f"{ports.ingest_url}/ingest", data=bundle, headers=headers, timeout=TIMEOUT_SECONDS)
    answer.raise_for_status()
    return int(answer.json()["job_id"])


def _follow(session: requests.Session, ports: Ports, job: int) -> None:
    url = f"{ports.ingest_url}/get_state?job_id={job}"
    say(f"  GET {url}")
    started, shown = time.monotonic(), ""
    state: dict[str, Any] = {}
    while not _has_ended(state) and time.monotonic() - started < SAMPLE_SECONDS:
        answer = session.get(url, timeout=TIMEOUT_SECONDS)
        answer.raise_for_status()
        state = answer.json()
        line = _line(state)
        if line != shown:
            say(f"  {time.monotonic() - started:6.1f} s  {line}")
            shown = line
        time.sleep(POLL_SECONDS)
    if not _has_ended(state):
        say(f"  The sample is not complete after {SAMPLE_SECONDS} s: {state['exception'] or 'it is waiting'}")
    say(json.dumps(state, indent=2))


def _has_ended(state: Mapping[str, Any]) -> bool:
    # The rule of existing clients, which read only `state`, `task` and `task_percent`.
    if not state:
        return False
    cataloged = state["task"] == "ingest metadata" and float(state["task_percent"]) >= 100  # noqa: PLR2004
    return bool(state["state"] != JobStatus.OK or cataloged)


def _line(state: Mapping[str, Any]) -> str:
    text = str(state["exception"]).strip().splitlines()
    return f"{state['state']:6}  {state['task']:18} {state['task_percent']:>5} %{'  ' + text[-1] if text else ''}"


def _transaction() -> list[dict[str, Any]]:
    return [
        {"destinationTable": "Transactions.submitter", "value": 10},
        {"destinationTable": "Transactions.project", "value": "1234a"},
        {"destinationTable": "Transactions.instrument", "value": 54},
        {"destinationTable": "TransactionKeyValue", "key": "Tag", "value": "sample"},
    ]


def _file(path: str, content: bytes, now: datetime) -> dict[str, Any]:
    folder, _, name = path.rpartition("/")
    return {
        "destinationTable": "Files",
        "name": name,
        "subdir": folder,
        "size": len(content),
        "hashtype": "sha1",
        "hashsum": hashlib.sha1(content).hexdigest(),  # noqa: S324 - the bundle format's own hash
        "mimetype": "text/plain",
        "mtime": now.isoformat(),
        "ctime": now.isoformat(),
    }
