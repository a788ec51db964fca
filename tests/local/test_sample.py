import hashlib
import io
import json
import tarfile
from datetime import UTC, datetime

import pytest
import requests

from ingest.local import sample
from ingest.local.ports import Ports
from ingest.local.sample import _has_ended, ingest_sample, make_bundle
from tests.services.scripted_server import reply, scripted_server

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def test_the_metadata_comes_last_and_describes_every_file():
    contents = {"a/b.txt": b"abc", "c.txt": b""}

    with tarfile.open(fileobj=io.BytesIO(make_bundle(contents, NOW))) as bundle:
        names = bundle.getnames()
        metadata = json.load(bundle.extractfile("metadata.txt"))  # type: ignore[arg-type]

    files = {f"{entry['subdir']}/{entry['name']}": entry for entry in metadata if entry["destinationTable"] == "Files"}
    assert names == ["data/a/b.txt", "data/c.txt", "metadata.txt"]
    assert files.keys() == {"data/a/b.txt", "data/c.txt"}
    assert files["data/a/b.txt"]["hashsum"] == hashlib.sha1(b"abc").hexdigest()
    assert files["data/a/b.txt"]["size"] == 3


@pytest.mark.parametrize(
    ("state", "task", "percent", "over"),
    [
        ("OK", "ingest metadata", "99.9", False),
        ("OK", "ingest files", "100.0", False),
        ("OK", "ingest metadata", "100.0", True),
        ("FAILED", "open tar", "0.0", True),
    ],
)
def test_a_job_has_ended_by_the_rule_of_the_existing_clients(state: str, task: str, percent: str, over: bool):
    assert _has_ended({"state": state, "task": task, "task_percent": percent}) is over


@pytest.mark.parametrize("authentication", ["proxy", "token"])
def test_no_sample_is_sent_where_authentication_is_required(authentication: str, capsys: pytest.CaptureFixture[str]):
    ingest_sample(Ports(ingest=1, airflow=1), authentication)
    assert capsys.readouterr().out == f"  The sample bundle is skipped, because authentication is {authentication}.\n"


def test_waiting_sample_shows_the_reason(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    state = {"state": "OK", "task": "UPLOADING", "task_percent": "0.0", "complete": False}
    monkeypatch.setattr(sample, "SAMPLE_SECONDS", 0.2)
    with scripted_server() as server:
        server.then(*[reply(200, {**state, "exception": "the DAG ingest is paused in Airflow"})] * 50)
        sample._follow(requests.Session(), Ports(ingest=int(server.url.rpartition(":")[2]), airflow=1), 7)
    written = capsys.readouterr().out
    assert "UPLOADING            0.0 %  the DAG ingest is paused in Airflow\n" in written
    assert "The sample is not complete after 0.2 s: the DAG ingest is paused in Airflow\n" in written
