"""`GET /jobs/N/receipt` of a job of 10,000 files, which the receipt lists, and of one of a million, with its Merkle root.

The application runs in this process, so that a figure is the time of queries, hashing and signature, without the network.
A process remembers the root of a job: `first` is the receipt that computes it.
"""

import time
from collections.abc import Iterator
from http import HTTPStatus

from flask.testing import FlaskClient
from sqlalchemy import Engine

from api.app import create_app
from api.resources import resources_of
from bench.measurements import THIS_SERVICE, Line
from bench.testbed import Testbed
from ingest.ledger.database import make_engine
from ingest.ledger.schema import upgrade_schema
from ingest.local.postgres import create_database
from ingest.receipts.keys import create_key
from ingest.receipts.receipt import verify
from ingest.settings.loading import Settings
from tools.pacifica_core.database import postgres_in

NAME = "receipts"
TITLE = "Receipts of 10,000 and of 1 million files"
LIMIT_LABEL = ""
ROUNDS = 3
DATABASE = "ingest"
LISTED, LARGE = 10_000, 1_000_000
MAKE_JOB = """
INSERT INTO job (id, kind, submitted_by, spool_name, size, outcome, finished)
VALUES ({files}, 'ingest', 'ada', '', 1000, 'catalogued', 'ingest_metadata');
INSERT INTO event (job_id, kind, text) VALUES ({files}, 'catalogued', '');
INSERT INTO file (job_id, path, position, size, hash_type, hash_sum, file_id, state)
SELECT {files}, 'run/file ' || n || '.csv', n, 100, 'sha1', encode(substr(sha256(n::text::bytea), 1, 20), 'hex'),
       {files} + n, 'archived'
FROM generate_series(0, {files} - 1) AS n
"""


def measure(testbed: Testbed) -> Iterator[Line]:
    """Measure the receipts of both jobs."""
    folder = testbed.folder / "receipts"
    with postgres_in(folder) as layout:
        create_database(layout, DATABASE)
        url = f"postgresql://{DATABASE}@/{DATABASE}?host={layout.sockets}"
        settings = Settings(
            database_url=url, volume_path=folder, airflow_url="http://127.0.0.1:1", receipt_key_folder=folder / "keys"
        )
        create_key(folder / "keys")
        engine = make_engine(settings)
        upgrade_schema(engine)
        _fill(engine)
        engine.dispose()
        yield from _lines(settings, testbed.rounds(ROUNDS))


def _lines(settings: Settings, rounds: int) -> Iterator[Line]:
    samples: dict[str, list[float]] = {}
    for _ in range(rounds):
        # Of a process that has just started.
        app = create_app(settings)
        for what, seconds in _figures(app.test_client()):
            samples.setdefault(what, []).append(seconds * 1000)
        resources_of(app).engine.dispose()
    for what, figures in samples.items():
        yield Line(what, "ms", {THIS_SERVICE: figures})


def _fill(engine: Engine) -> None:
    with engine.begin() as connection:
        for files in (LISTED, LARGE):
            connection.exec_driver_sql(MAKE_JOB.format(files=files))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE job, file, event")


def _figures(client: FlaskClient) -> Iterator[tuple[str, float]]:
    """Yield each quantity and its seconds."""
    for files in (LISTED, LARGE):
        yield f"{files:,} files: first receipt", _receipt_seconds(client, files)
        yield f"{files:,} files: a receipt after that", _receipt_seconds(client, files)
    yield f"{LARGE:,} files: their list", _list_seconds(client)


def _receipt_seconds(client: FlaskClient, files: int) -> float:
    begun = time.perf_counter()
    answer = client.get(f"/jobs/{files}/receipt")
    seconds = time.perf_counter() - begun
    assert answer.status_code == HTTPStatus.OK, answer.text
    assert verify(answer.text, client.get("/.well-known/jwks.json").get_json()).count == files
    return seconds


def _list_seconds(client: FlaskClient) -> float:
    begun = time.perf_counter()
    answer = client.get(f"/jobs/{LARGE}/receipt/files", buffered=False)
    lines = sum(block.count(b"\n") for block in answer.iter_encoded())
    assert lines == LARGE
    return time.perf_counter() - begun
