"""`submitter_check`: a job is rejected unless the user may upload as the submitter that the metadata names."""

import io
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import Engine

from ingest.bundles.bundle_metadata import submitters
from ingest.errors.types import ServiceUnavailable, SubmitterMismatch, SubmittersUnavailable
from ingest.ledger import jobs
from ingest.ledger.jobs import Received
from ingest.operations.replace_bundle import run_with_file
from ingest.orchestrator.client import AirflowApi
from ingest.services import Services, make_services
from ingest.services.submitters import Uploader, check_submitters
from ingest.settings.access import PROXY, TOKEN
from ingest.settings.loading import Settings, load_settings
from ingest.settings.submitters import CLAIM, FILE, NETWORK_ID
from ingest.stages.validate_policy import validate_policy
from ingest.states.stages import Kind, Stage
from tests.job_creation import create_job
from tests.job_fixtures import MakeJob, OpenContext, RunOnCore, RunStage
from tools.bundles import CONTENTS, Entry, file_entry, make_bundle, metadata_of, transaction
from tools.pacifica_core.core import Core
from tools.pacifica_core.people import SUBMITTER, put
from tools.pacifica_core.services import METADATA

# In the metadata service, the user with this network_id is the submitter 10.
KNOWN = f"user{SUBMITTER}"
DELETED = 4711
BUNDLE = make_bundle(metadata=metadata_of(CONTENTS))


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "people.json"
    path.write_text(json.dumps({"ada": SUBMITTER, "scope": ["10", 11], "zoë": str(SUBMITTER), "odd": {"id": 10}}))
    return path


def by_file(path: Path, **more: Any) -> Settings:
    return Settings(authentication=PROXY, submitter_check=FILE, submitter_file=path, **more)


def by_claim(**more: Any) -> Settings:
    return Settings(
        authentication=TOKEN,
        jwt_issuer="i",
        jwks_url="https://i/keys",
        submitter_check=CLAIM,
        jwt_submitter_claim="person",
        **more,
    )


def check(settings: Settings, services: Services, user: str, named: str, claim: str | None = None) -> None:
    check_submitters(settings, services.metadata, Uploader(user, claim), frozenset({named}))


@pytest.mark.parametrize(("user", "named"), [("ada", "10"), ("zoë", "10"), ("scope", "10"), ("scope", "11")])
def test_user_of_the_file_may_be_the_submitters_that_it_names(services: Services, people: Path, user: str, named: str):
    check(by_file(people), services, user, named)


@pytest.mark.parametrize("named", ["11", "010", " 10", "10.0", "1e1", "", "None", "True"])
def test_another_submitter_is_refused_and_both_are_named(services: Services, people: Path, named: str):
    with pytest.raises(SubmitterMismatch) as refused:
        check(by_file(people), services, "ada", named)
    assert refused.value.text == (
        f"user 'ada' may upload as submitter 10 only; the metadata names Transactions.submitter {named!r}"
    )
    assert refused.value.text_of_job.startswith("the uploader must fix this: ")


@pytest.mark.parametrize("user", ["Ada", "bob", "", "10"])
def test_user_whom_the_file_does_not_name_is_refused(services: Services, people: Path, user: str):
    with pytest.raises(SubmitterMismatch, match="has no submitter id"):
        check(by_file(people), services, user, "10")


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"\xff", b'{"odd": {"id": 10}}', b'{"odd": [true]}'])
def test_file_that_cannot_be_read_is_a_transient_error(services: Services, tmp_path: Path, content: bytes | None):
    path = tmp_path / "submitters.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SubmittersUnavailable, match=r"submitters\.json"):
        check(by_file(path), services, "odd", "10")


def test_change_of_the_file_counts_for_the_next_job(services: Services, people: Path):
    settings = by_file(people)
    people.write_text('{"ada": 11}')
    check(settings, services, "ada", "11")


def test_submitter_is_compared_with_the_claim_of_the_token(services: Services):
    check(by_claim(), services, "ada", "10", claim="10")
    for claim in ("11", None):
        with pytest.raises(SubmitterMismatch):
            check(by_claim(), services, "ada", "10", claim=claim)


def test_users_who_may_submit_for_others_can_name_any_submitter(services: Services, people: Path):
    for settings in (by_claim(submit_for_others=("scope",)), by_file(people, submit_for_others=("scope",))):
        check(settings, services, "scope", "999")
        with pytest.raises(SubmitterMismatch):
            check(settings, services, "ada", "999")


def test_nothing_is_compared_unless_the_settings_require_it(services: Services):
    check(Settings(), services, "ada", "999")


def test_every_submitter_of_the_document_counts():
    entry: Entry = {"destinationTable": "Transactions.submitter"}
    listed = [entry | {"value": value} for value in (10, "10", 10.0, 10.5, "11", None)]
    listed += [{"destinationTable": "submitter", "value": 5}, file_entry("data/a", b"a", value=6)]
    assert submitters(io.BytesIO(json.dumps(listed).encode())) == {"10", "10.5", "11", "None"}


# As a stage


@pytest.fixture
def settings(settings: Settings, people: Path) -> Settings:
    checked = {"authentication": PROXY, "submitter_check": FILE, "submitter_file": people}
    return settings.model_copy(update=checked)


@pytest.mark.parametrize("kind", Kind)
def test_bundle_and_move_are_checked_before_the_call_of_policy(
    make_job: MakeJob, run_stage: RunStage, open_context: OpenContext, settings: Settings, kind: Kind
):
    source = settings.move_folders[0] / "source"
    source.write_bytes(b"a")
    listed = [*transaction(), file_entry("data/a", b"a", source=str(source))]
    listed[0]["value"] = 11
    is_bundle = kind is Kind.INGEST
    job = make_job(make_bundle({"data/a": b"a"}, listed) if is_bundle else json.dumps(listed).encode(), kind)
    if is_bundle:
        run_stage(job, Stage.OPEN_TAR)
    run_stage(job, Stage.LOAD_METADATA)
    with open_context(job, Stage.VALIDATE_POLICY) as context, pytest.raises(SubmitterMismatch):
        validate_policy(context)


def test_bundle_of_the_right_submitter_is_accepted(make_job: MakeJob, run_stage: RunStage):
    job = make_job(BUNDLE)
    for stage in (Stage.OPEN_TAR, Stage.LOAD_METADATA, Stage.VALIDATE_POLICY):
        run_stage(job, stage)


class Unreachable(AirflowApi):
    """An Airflow without runs."""

    def __init__(self) -> None:
        super().__init__(Settings(airflow_url="http://127.0.0.1:1", airflow_timeout=1))

    def fail(self, *_: object) -> None:
        """Do nothing, because no run exists."""


@pytest.mark.parametrize(("user", "claim"), [("ada", "10"), ("bob", None)])
@pytest.mark.usefixtures("no_waiting")
def test_claim_is_kept_with_a_new_file_of_the_same_user_only(
    settings: Settings, services: Services, database_engine: Engine, tmp_path: Path, user: str, claim: str | None
):
    job = services.uniqueid.allocate("upload_job", 1)[0]
    (settings.volume_path / "old.tar").write_bytes(BUNDLE)
    create_job(database_engine, Received(job, Kind.INGEST, "ada", "old.tar", len(BUNDLE), "10"))
    (tmp_path / "new.tar").write_bytes(BUNDLE)
    with pytest.raises(ServiceUnavailable, match="irflow"):
        run_with_file(settings, database_engine, Unreachable(), job, user, Kind.INGEST, tmp_path / "new.tar")
    received = jobs.read(database_engine, job).received
    assert (received.user, received.submitter_claim) == (user, claim)


# With the real metadata service


@pytest.fixture
def real(core: Core, database_engine: Engine) -> Iterator[Services]:
    with closing(make_services(load_settings(core.settings()), database_engine)) as made:
        yield made


def by_network_id(url: str) -> Settings:
    return Settings(authentication=PROXY, submitter_check=NETWORK_ID, metadata_ingest_url=url)


@pytest.mark.parametrize("user", [KNOWN, KNOWN.upper()])
def test_user_is_found_by_the_network_id(real: Services, core: Core, user: str):
    assert real.metadata.user_ids(user) == {SUBMITTER}
    check(by_network_id(core.url(METADATA)), real, user, str(SUBMITTER))


@pytest.mark.parametrize("user", ["nobody", "", "%", "user10&_id=10", "user1?", "日本 é", "' OR 1=1 --", "user10 "])
def test_unknown_network_id_is_refused(real: Services, core: Core, user: str):
    assert real.metadata.user_ids(user) == frozenset()
    with pytest.raises(SubmitterMismatch):
        check(by_network_id(core.url(METADATA)), real, user, str(SUBMITTER))


def test_deleted_user_is_refused(real: Services, core: Core):
    put(core.url(METADATA), "users", {"_id": DELETED, "first_name": "A", "last_name": "B", "network_id": "gone"})
    assert real.metadata.user_ids("gone") == {DELETED}
    requests.delete(f"{core.url(METADATA)}/users?_id={DELETED}", timeout=30).raise_for_status()
    assert real.metadata.user_ids("gone") == frozenset()


def test_unavailable_metadata_service_is_a_transient_error(core: Core, database_engine: Engine):
    settings = load_settings({**core.settings(), "METADATA_INGEST_URL": "http://127.0.0.1:1/ingest"})
    with closing(make_services(settings, database_engine)) as made, pytest.raises(ServiceUnavailable):
        check(by_network_id("http://127.0.0.1:1/ingest"), made, KNOWN, str(SUBMITTER))


@pytest.mark.parametrize(("user", "ended"), [(KNOWN, None), ("mallory", Stage.VALIDATE_POLICY)])
def test_job_with_another_submitter_is_rejected_although_policy_would_accept_it(
    run_on_core: RunOnCore, user: str, ended: Stage | None
):
    checked = {"INGEST_AUTHENTICATION": PROXY, "INGEST_SUBMITTER_CHECK": NETWORK_ID}
    assert run_on_core(BUNDLE, user) is None, "Policy compares nothing"
    assert run_on_core(BUNDLE, user, **checked) is ended
    assert run_on_core(BUNDLE, user, **checked, INGEST_SUBMIT_FOR_OTHERS="mallory") is None
