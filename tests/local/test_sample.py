import hashlib
import io
import json
import tarfile
from datetime import UTC, datetime

import pytest

from ingest.local.ports import Ports
from ingest.local.sample import _over, ingest_sample, make_bundle

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
def test_a_job_is_over_when_the_existing_clients_see_it_over(state: str, task: str, percent: str, over: bool):
    assert _over({"state": state, "task": task, "task_percent": percent}) is over


@pytest.mark.parametrize("authentication", ["proxy", "token"])
def test_no_sample_is_sent_where_the_launcher_could_not_prove_who_it_is(
    authentication: str, capsys: pytest.CaptureFixture[str]
):
    ingest_sample(Ports(ingest=1, airflow=1), authentication)
    assert capsys.readouterr().out == f"  No sample bundle is ingested: authentication is {authentication}.\n"
