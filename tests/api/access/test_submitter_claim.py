"""The submitter's id in a token is kept with the job; the log at start warns when it is not compared."""

from pathlib import Path

from sqlalchemy import Engine

from ingest.ledger import jobs
from tests.api.access.callers import UPLOADER, bearer, make_tokens, proxy_settings, serving, signed, token_settings
from tools.bundles import make_bundle
from tools.waiting import wait_until

UNCHECKED = "uploaders can name any submitter in the metadata"
CLAIM = {"INGEST_SUBMITTER_CHECK": "claim", "INGEST_JWT_SUBMITTER_CLAIM": "person"}


def test_submitters_id_of_the_token_is_kept_with_the_job(tmp_path: Path, database_url: str, database_engine: Engine):
    tokens = make_tokens(tmp_path / "tokens.json")
    with serving(tmp_path, database_url, {**token_settings(tmp_path), **CLAIM}) as server:
        senders = [(signed(UPLOADER, person=10), "10"), (signed(UPLOADER), None), (bearer(tokens[UPLOADER]), None)]
        for sender, claim in senders:
            answer = sender.request(server, "POST", "/upload", data=make_bundle())
            assert answer.status_code == 200, answer.text
            received = jobs.read(database_engine, answer.json()["job_id"]).received
            assert (received.user, received.submitter_claim) == (UPLOADER, claim)
        assert UNCHECKED not in server.log_text()


def test_start_warns_that_submitters_are_not_checked(tmp_path: Path, database_url: str):
    with serving(tmp_path, database_url, proxy_settings()) as server:
        wait_until(lambda: UNCHECKED in server.log_text(), 30, server.log_text)
