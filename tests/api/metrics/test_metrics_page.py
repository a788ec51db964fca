"""docs/reference/metrics.md and the metrics of a real server agree: names, types and labels."""

import re
from pathlib import Path

import requests
from sqlalchemy import Engine, insert, update

from ingest.ledger import service_request_totals
from ingest.ledger.database import transaction
from ingest.ledger.event_totals import count_events
from ingest.ledger.events import EventKind, add_event
from ingest.ledger.lease import acquire_job
from ingest.ledger.models import Job, Webhook
from ingest.ledger.service_request_totals import RequestKey, Requests
from ingest.states.stages import Stage
from tests.api.live_server import Server, serving_alone
from tests.api.metrics.scraping import Scrape, scrape
from tests.job_creation import create_job
from tests.ledger.job_rows import received
from tests.services.scripted_server import reply, scripted_server
from tools.waiting import wait_until

PAGE = Path(__file__).parents[3] / "docs/reference/metrics.md"
ROW = re.compile(r"^\| `(pacifica_ingest_\w+)` \| (\w+) \|([^|]*)\| .+ \|$", re.M)
# How a name in a query differs from the name of its family.
SUFFIX = {"counter": "_total"}


def fill(engine: Engine) -> None:
    """Let the ledger hold something for each metric."""
    for job in (1, 2, 3):
        create_job(engine, received(job))
    with acquire_job(engine, 1, Stage.OPEN_TAR, 1) as lease:
        assert lease is not None
        lease.finish_stage()
    with acquire_job(engine, 2, Stage.OPEN_TAR, 1) as lease:
        assert lease is not None
        lease.fail_stage("bundle_invalid", "cut", final=True)
    waiting = {"service": "archive", "code": "service_unavailable", "since": "2026-11-30T12:00:00+00:00"}
    with transaction(engine) as session:
        session.execute(update(Job).where(Job.id == 1).values(waiting=waiting))
        add_event(session, 1, EventKind.CATALOGED, Stage.INGEST_METADATA)
        add_event(session, 99, EventKind.UPLOAD_REFUSED, code="upload_cut_off")
        session.execute(insert(Webhook).values(name="lab", events=[]))
    service_request_totals.add(engine, {RequestKey("archive", "PUT", "201", 1): Requests(2, 1.5)})
    count_events(engine)


def documented() -> dict[str, tuple[str, tuple[str, ...]]]:
    rows = ROW.findall(PAGE.read_text(encoding="utf-8"))
    return {name: (kind, tuple(sorted(re.findall(r"`(\w+)`", labels)))) for name, kind, labels in rows}


def reported(found: Scrape) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {
        family.name + SUFFIX.get(family.type, ""): (family.type, tuple(sorted({*family.samples[0].labels} - {"le"})))
        for family in found.families.values()
        if family.samples
    }


def test_page_and_server_agree(separate_engine: Engine, separate_url: str, tmp_path: Path) -> None:
    with scripted_server() as uniqueid, serving_alone(tmp_path, separate_url, UNIQUEID_URL=uniqueid.url) as api:
        fill(separate_engine)
        uniqueid.then(reply(200, {"startIndex": 50, "endIndex": 50}))
        assert requests.post(f"{api.url}/upload", data=b"x", timeout=30).status_code == 200
        wait_until(lambda: has_webhook(separate_engine, api), 30, lambda: "the webhook is missing")
        found = scrape(api)
    assert reported(found) == documented(), "docs/reference/metrics.md"
    assert all(family.documentation.endswith(".") for family in found.families.values())


def has_webhook(engine: Engine, api: Server) -> bool:
    """Add a webhook again, because each process of the server removes unknown ones when it starts."""
    with transaction(engine) as session:
        session.execute(update(Webhook).values(removed=None))
    return scrape(api).value("webhook_failing", webhook="lab") == 0


def test_every_row_of_the_page_is_read() -> None:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `pacifica_ingest_")]
    assert len(documented()) == len(lines) > 20
