"""The pages before a change of a job: what will happen, or why it cannot."""

import pytest
from sqlalchemy import Engine

from ingest.errors.types import BundleNotReplaceable
from ingest.pages.job_actions import show_bundle_form, show_confirmation
from ingest.pages.selection import Action
from ingest.settings.loading import Settings
from tests.pages.job_examples import (
    OPERATOR,
    MakeExample,
    canceled_job,
    complete_job,
    failed_job,
    running_job,
    words,
)


@pytest.mark.parametrize("action", list(Action))
def test_a_person_confirms_an_action_with_the_token_of_the_login(database_engine: Engine, action: Action):
    job = failed_job(database_engine)
    page = show_confirmation(database_engine, OPERATOR, action, job)
    assert f"{action.capitalize()} job {job} of ada ?" in words(page)
    assert f'method="post" action="../jobs/{job}/{action}"' in page
    assert f'name="csrf_token" value="{OPERATOR.csrf_token}"' in page


def test_a_cancellation_says_that_it_is_final(database_engine: Engine):
    page = show_confirmation(database_engine, OPERATOR, Action.CANCEL, running_job(database_engine))
    assert "This is final: the job cannot be retried." in words(page)


@pytest.mark.parametrize(("make", "reason"), [(complete_job, "It is complete."), (canceled_job, "which is final")])
def test_an_action_that_is_not_possible_is_not_offered(database_engine: Engine, make: MakeExample, reason: str):
    page = show_confirmation(database_engine, OPERATOR, Action.RETRY, make(database_engine))
    assert reason in words(page)
    assert "<button" not in page


def test_the_form_for_another_bundle_names_the_limit(database_engine: Engine):
    settings = Settings(largest_bundle=5_000_000)
    page = show_bundle_form(settings, database_engine, OPERATOR, failed_job(database_engine))
    assert "at most 5.0 MB" in words(page)
    assert f'data-token="{OPERATOR.csrf_token}"' in page


@pytest.mark.parametrize("make", [running_job, complete_job, canceled_job])
def test_other_jobs_have_no_form_for_another_bundle(database_engine: Engine, make: MakeExample):
    with pytest.raises(BundleNotReplaceable):
        show_bundle_form(Settings(), database_engine, OPERATOR, make(database_engine))
