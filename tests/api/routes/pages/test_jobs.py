"""The list of jobs: uploaders see their own jobs, operators and admins all."""

from flask.testing import FlaskClient
from sqlalchemy import Engine

from ingest.ledger.jobs import Received
from ingest.services import make_services
from ingest.settings.loading import Settings
from ingest.states.stages import Kind
from tests.api.routes.pages.conftest import ADMIN, OPERATOR, UPLOADER, OpenBrowser
from tests.job_creation import create_job


def create_jobs(engine: Engine, settings: Settings, *users: str) -> list[int]:
    ids = make_services(settings, engine).uniqueid.allocate("upload_job", len(users))
    for job, user in zip(ids, users, strict=True):
        create_job(engine, Received(job, Kind.INGEST, user, f"{job}.tar", 1))
    return list(ids)


def test_uploaders_see_their_own_jobs_and_operators_all(
    log_in: OpenBrowser, database_engine: Engine, settings: Settings
):
    own, others = create_jobs(database_engine, settings, UPLOADER, "otto")
    for user, expected in ((UPLOADER, (True, False)), (OPERATOR, (True, True)), (ADMIN, (True, True))):
        page = log_in(user).get("/ui/jobs").text
        assert tuple(f'href="jobs/{job}"' in page for job in (own, others)) == expected


def test_uploader_who_filters_by_another_user_sees_why_the_list_is_empty(log_in: OpenBrowser):
    page = log_in(UPLOADER).get("/ui/jobs?user=otto").text
    assert "your own jobs only" in page
    assert 'href="jobs/' not in page


def test_receipt_of_a_job_is_below_the_address_of_the_login(
    log_in: OpenBrowser, stranger: FlaskClient, database_engine: Engine, settings: Settings
):
    [job] = create_jobs(database_engine, settings, UPLOADER)
    path = f"/ui/jobs/{job}/receipt"
    assert stranger.get(path).headers["WWW-Authenticate"].startswith("Basic ")
    assert log_in("otto").get(path).status_code == 404
    answer = log_in(UPLOADER).get(path, Accept="*/*")
    assert (answer.status_code, answer.get_json()["code"]) == (409, "receipt_not_available")
