"""Receipts over HTTP: their content, who gets one, and the keys that verify them."""

import hashlib
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from joserfc.errors import BadSignatureError
from sqlalchemy import Engine, insert, text

from ingest.ledger.database import transaction as open_transaction
from ingest.ledger.events import EventKind, add_event
from ingest.ledger.models import Event, File, FileState, IdempotencyKey, Job, OriginalJob
from ingest.receipts import content
from ingest.receipts.keys import create_key
from ingest.settings.loading import Settings
from ingest.states.stages import STAGES, Kind
from tests.api.routes.scripted_airflow import ScriptedAirflow
from tests.job_fixtures import MakeJob, RunStage
from tests.receipts.verifier import claims_of, merkle_tree_hash
from tests.services.archive_folders import marked_archive
from tools.bundles import CONTENTS, file_entry, make_bundle, transaction

RunJob = Callable[..., int]
MANY = 20_000
ADD_FILES = """
INSERT INTO file (job_id, path, position, size, hash_type, hash_sum, file_id, state)
SELECT :job, 'many/' || n, 1000 + n, 1, 'sha1', encode(substr(sha256(n::text::bytea), 1, 20), 'hex'), 7000000 + n, 'archived'
FROM generate_series(1, :count) AS n
"""
# The ledger names files by their path below `data/`.
PATHS = [path.removeprefix("data/") for path in CONTENTS]


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    for name in ("spool", "move"):
        (tmp_path / name).mkdir()
    folders = {
        "volume_path": tmp_path / "spool",
        "move_folders": (tmp_path / "move",),
        "archiveinterface_url": marked_archive(tmp_path / "archive"),
    }
    return settings.model_copy(update={"receipt_key_folder": tmp_path / "keys", **folders})


@pytest.fixture
def keys(settings: Settings) -> Path:
    """Return the folder of keys, with one key."""
    assert settings.receipt_key_folder is not None
    create_key(settings.receipt_key_folder)
    return settings.receipt_key_folder


@pytest.fixture
def client(keys: Path, make_app: Callable[..., Flask], airflow: ScriptedAirflow) -> FlaskClient:
    return make_app(airflow=airflow).test_client()


@pytest.fixture
def cataloged(make_job: MakeJob, run_stage: RunStage) -> RunJob:
    """Return a function that runs a job to its end."""

    def run(body: bytes | None = None, kind: Kind = Kind.INGEST) -> int:
        job_id = make_job(body, kind)
        for stage in STAGES[kind]:
            run_stage(job_id, stage)
        return job_id

    return run


def receipt_of(client: FlaskClient, job_id: int) -> str:
    response = client.get(f"/jobs/{job_id}/receipt")
    assert response.status_code == 200, response.text
    assert response.mimetype == "application/jose"
    return str(response.text)


def verified(client: FlaskClient, job_id: int) -> dict[str, Any]:
    return claims_of(receipt_of(client, job_id), keys_of(client))


def keys_of(client: FlaskClient) -> dict[str, Any]:
    return dict(client.get("/.well-known/jwks.json").get_json())


def refusal(client: FlaskClient, path: str) -> tuple[int, str]:
    response = client.get(path)
    return response.status_code, response.get_json()["code"]


def test_a_receipt_lists_every_file_with_its_hash(
    client: FlaskClient, cataloged: RunJob, database_engine: Engine
) -> None:
    body = make_bundle()
    job_id = cataloged(body)
    claims = verified(client, job_id)
    with open_transaction(database_engine) as session:
        ids = {file.path: file.file_id for file in session.query(File).where(File.job_id == job_id)}
        created = session.get_one(Job, job_id).created
        ended = session.query(Event).where(Event.job_id == job_id, Event.kind == EventKind.CATALOGED).one().at
    expected = [
        {
            "path": path,
            "size": len(each),
            "hashtype": "sha1",
            "hashsum": hashlib.sha1(each).hexdigest(),
            "id": ids[path],
        }
        for path, each in zip(PATHS, CONTENTS.values(), strict=True)
    ]
    assert claims == {
        "version": 1,
        "iat": int(ended.timestamp()),
        "job": job_id,
        "transaction": job_id,
        "kind": "ingest",
        "user": "ada",
        "received": created.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "cataloged": ended.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "upload": {"size": len(body)},
        "files": {"count": 3, "bytes": sum(map(len, CONTENTS.values())), "list": expected},
    }


def test_a_receipt_is_the_same_each_time(client: FlaskClient, cataloged: RunJob) -> None:
    job_id = cataloged()
    assert receipt_of(client, job_id) == receipt_of(client, job_id)


def test_a_move_has_a_receipt(client: FlaskClient, cataloged: RunJob, tmp_path: Path) -> None:
    source = tmp_path / "move" / "results.csv"
    source.write_bytes(b"1,2\n")
    entry = file_entry("data/mywork/results.csv", b"1,2\n", source=str(source))
    claims = verified(client, cataloged(json.dumps([*transaction(), entry]).encode(), Kind.MOVE))
    assert claims["kind"] == "move"
    assert [file["path"] for file in claims["files"]["list"]] == ["mywork/results.csv"]


def test_the_digest_of_the_upload_is_there_if_it_is_known(
    client: FlaskClient, cataloged: RunJob, database_engine: Engine
) -> None:
    job_id, digest = cataloged(), hashlib.sha256(b"bundle")
    with open_transaction(database_engine) as session:
        row = {"user": "ada", "key": f"receipt-{job_id}", "kind": "ingest", "spool_name": f"receipt-{job_id}"}
        session.execute(insert(IdempotencyKey).values(**row, job_id=job_id, sha256=digest.digest(), size=6))
    assert verified(client, job_id)["upload"]["sha256"] == digest.hexdigest()
    with open_transaction(database_engine) as session:
        # An admin has replaced the bundle: the digest is that of the former one.
        add_event(session, job_id, EventKind.BUNDLE_REPLACED)
    assert "sha256" not in verified(client, job_id)["upload"]


def test_skipped_members_are_not_in_the_receipt(
    client: FlaskClient, cataloged: RunJob, database_engine: Engine
) -> None:
    job_id = cataloged()
    with open_transaction(database_engine) as session:
        session.add(File(job_id=job_id, path="data/unlisted", offset=1, found_size=1, state=FileState.SKIPPED))
    assert verified(client, job_id)["files"]["count"] == len(CONTENTS)


def test_many_files_are_in_a_list_beside_the_receipt(
    client: FlaskClient, cataloged: RunJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content, "MAX_LISTED", 2)
    job_id = cataloged()
    claims = verified(client, job_id)
    response = client.get(f"/jobs/{job_id}/receipt/files")
    lines = response.data.splitlines()
    assert response.mimetype == "application/x-ndjson"
    assert [json.loads(line)["path"] for line in lines] == PATHS
    assert claims["files"] == {
        "count": 3,
        "bytes": sum(map(len, CONTENTS.values())),
        "merkle_root": merkle_tree_hash(lines).hex(),
    }


def test_memory_stays_flat_for_many_files(client: FlaskClient, cataloged: RunJob, database_engine: Engine) -> None:
    job_id = cataloged()
    with open_transaction(database_engine) as session:
        session.execute(text(ADD_FILES), {"job": job_id, "count": MANY})
    # What is imported and compiled by the first request stays.
    verified(client, cataloged())
    tracemalloc.start()
    try:
        receipt = receipt_of(client, job_id)
        response = client.get(f"/jobs/{job_id}/receipt/files", buffered=False)
        size, count = 0, 0
        for block in response.iter_encoded():
            size, count = size + len(block), count + block.count(b"\n")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert claims_of(receipt, keys_of(client))["files"]["count"] == count == MANY + len(CONTENTS)
    # A batch of rows takes 1 MB; all lines of the list would take 3 MB more.
    assert size > 2_000_000
    assert peak < 1_500_000


def test_a_job_that_is_not_cataloged_has_no_receipt(client: FlaskClient, job_id: int) -> None:
    for path in (f"/jobs/{job_id}/receipt", f"/jobs/{job_id}/receipt/files"):
        assert refusal(client, path) == (409, "receipt_not_available")


def test_a_failed_job_has_no_receipt(client: FlaskClient, failed: int) -> None:
    assert refusal(client, f"/jobs/{failed}/receipt") == (409, "receipt_not_available")


def test_a_job_of_the_original_service_has_no_receipt(client: FlaskClient, database_engine: Engine) -> None:
    row = {"state": "OK", "task": "ingest metadata", "task_percent": 100, "exception": "", "complete": True}
    moments = {"created": "2020-01-01", "updated": "2020-01-01"}
    with open_transaction(database_engine) as session:
        session.execute(insert(OriginalJob).values(id=8_160_001, **row, **moments))
    assert refusal(client, "/jobs/8160001/receipt") == (409, "receipt_not_available")


@pytest.mark.parametrize(("job", "status", "code"), [("0", 404, "job_unknown"), ("x", 400, "job_id_invalid")])
def test_other_jobs(client: FlaskClient, job: str, status: int, code: str) -> None:
    assert refusal(client, f"/jobs/{job}/receipt") == (status, code)


def test_replaced_keys_verify_old_receipts(client: FlaskClient, cataloged: RunJob, keys: Path) -> None:
    job_id = cataloged()
    old = receipt_of(client, job_id)
    create_key(keys)
    public = keys_of(client)
    new = receipt_of(client, job_id)
    assert old != new
    assert claims_of(old, public) == claims_of(new, public)


def test_a_lost_private_key_leaves_old_receipts_valid(client: FlaskClient, cataloged: RunJob, keys: Path) -> None:
    job_id = cataloged()
    old, public = receipt_of(client, job_id), keys_of(client)
    for path in keys.iterdir():
        path.unlink()
    assert refusal(client, f"/jobs/{job_id}/receipt") == (404, "receipts_not_configured")
    create_key(keys)
    assert verified(client, job_id) == claims_of(old, public)


def test_a_forged_receipt_is_noticed(client: FlaskClient, cataloged: RunJob) -> None:
    head, payload, signature = receipt_of(client, cataloged()).split(".")
    other = receipt_of(client, cataloged()).split(".")[1]
    assert payload != other
    with pytest.raises(BadSignatureError):
        claims_of(f"{head}.{other}.{signature}", keys_of(client))


def test_without_keys_nothing_else_changes(
    make_app: Callable[..., Flask], settings: Settings, cataloged: RunJob, airflow: ScriptedAirflow
) -> None:
    client = make_app(settings.model_copy(update={"receipt_key_folder": None}), airflow).test_client()
    job_id = cataloged()
    assert refusal(client, f"/jobs/{job_id}/receipt") == (404, "receipts_not_configured")
    assert keys_of(client) == {"keys": []}
    assert client.get(f"/get_state?job_id={job_id}").get_json()["state"] == "OK"


def test_damaged_keys_are_reported_later_and_at_the_start(
    client: FlaskClient, cataloged: RunJob, keys: Path, make_app: Callable[..., Flask]
) -> None:
    (keys / "a.pem").write_text("damaged")
    job_id = cataloged()
    for path in (f"/jobs/{job_id}/receipt", "/.well-known/jwks.json"):
        assert refusal(client, path) == (503, "receipts_unavailable")
    with pytest.raises(Exception, match=r"a\.pem holds no Ed25519 key"):
        make_app()
