"""The real server notifies a webhook of the jobs that it receives, and reads the webhooks again when it is restarted."""

from pathlib import Path

import requests
from sqlalchemy import Engine

from ingest.ledger import webhooks
from tests.api.live_server import Server, serving_alone
from tests.operations.notify.receiver import OTHER_SECRET, SECRET, Receiver, run_receiver
from tools.waiting import wait_until

SECONDS = 60


def send_job(server: Server, engine: Engine) -> int:
    """Post a bundle when the server's webhooks are in the ledger; return its job."""
    wait_until(lambda: is_stored(engine), SECONDS, lambda: "the webhook is not stored")
    answer = requests.post(f"{server.url}/ingest", data=b"bundle" * 100, timeout=SECONDS)
    assert answer.ok, answer.text
    return int(answer.json()["job_id"])


def is_stored(engine: Engine) -> bool:
    return any(status.removed is None for status in webhooks.statuses(engine))


def wait_for(receiver: Receiver, job: int) -> None:
    wait_until(lambda: receiver.of_job(job) == ["job.received"], SECONDS, lambda: f"received {receiver.received}")


def test_server_notifies_of_received_jobs_and_reads_webhooks_when_it_starts(
    separate_engine: Engine, separate_url: str, tmp_path: Path
):
    ini = tmp_path / "config.ini"
    with run_receiver() as receiver:
        for folder, secret in (("first", SECRET), ("second", OTHER_SECRET)):
            ini.write_text(f"[webhook:lab]\nurl = {receiver.url}\nsecret = {secret}\nallow_private = true\n")
            receiver.secret = secret
            (tmp_path / folder).mkdir()
            with serving_alone(tmp_path / folder, separate_url, INGEST_CONFIG=ini) as server:
                wait_for(receiver, send_job(server, separate_engine))
    (tmp_path / "third").mkdir()
    with serving_alone(tmp_path / "third", separate_url):
        wait_until(lambda: not is_stored(separate_engine), SECONDS, lambda: "the webhook is not removed")
