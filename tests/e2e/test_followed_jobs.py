"""A client follows a job to its end by `Prefer: wait`, and finds it in the list with its files and events."""

from typing import Any

import requests

from api.openapi.job_schemas import EventPage, FilePage, JobDetail, JobPage
from tests.faults import held_jobs
from tests.faults.points import Points
from tools.bundles import make_bundle, transaction
from tools.stack import JOB_SECONDS, Stack
from tools.waiting import wait_until

WAIT_SECONDS = 30
WITHOUT_FILES = transaction()


def get(stack: Stack, path: str) -> requests.Response:
    answer = requests.get(f"{stack.api}{path}", timeout=WAIT_SECONDS)
    assert answer.status_code == 200, answer.text
    return answer


def test_a_job_is_followed_to_its_end_without_polling(stack: Stack, points: Points) -> None:
    job = held_jobs.post_and_hold(stack, points)
    phases, headers, waited = [], {"Prefer": f"wait={WAIT_SECONDS}"}, 0
    held_jobs.release(points, job)
    for _ in range(JOB_SECONDS):
        answer = requests.get(f"{stack.api}/jobs/{job}", headers=headers, timeout=2 * WAIT_SECONDS)
        assert answer.status_code in (200, 304), answer.text
        waited += "Preference-Applied" in answer.headers
        if answer.status_code == 304:
            continue
        document = answer.json()
        JobDetail.model_validate(document)
        phases.append(document["phase"])
        if document["complete"]:
            break
        headers["If-None-Match"] = answer.headers["ETag"]
    assert phases[-1] == "complete"
    assert "failed" not in phases
    assert waited
    assert document["transaction"] == job
    assert document["files"] == document["files_done"] > 0
    assert [stage["state"] for stage in document["stages"]] == ["complete"] * 5
    # A job is complete when it is cataloged; its last stage then removes the bundle.
    wait_until(lambda: all_stages_ended(stack, job), WAIT_SECONDS, lambda: "the last stage does not end")
    check_contents(stack, job, document["files"])


def all_stages_ended(stack: Stack, job: int) -> bool:
    return None not in [stage["ended"] for stage in get(stack, f"/jobs/{job}").json()["stages"]]


def check_contents(stack: Stack, job: int, files: int) -> None:
    page = get(stack, f"/jobs?q={job}&state=complete").json()
    JobPage.model_validate(page)
    (entry,) = [each for each in page["jobs"] if each["job_id"] == job]
    assert entry["files"] == files
    found = get(stack, f"/jobs/{job}/files?state=archived").json()
    FilePage.model_validate(found)
    assert len(found["files"]) == files
    events = get(stack, f"/jobs/{job}/events").json()
    EventPage.model_validate(events)
    assert {"received", "triggered", "stage_started", "catalogued"} <= {event["kind"] for event in events["events"]}


def test_a_rejected_job_explains_each_fault(stack: Stack) -> None:
    answer = requests.post(f"{stack.api}/ingest", make_bundle(metadata=WITHOUT_FILES), timeout=WAIT_SECONDS)
    location = answer.headers["Location"]
    assert location == f"/jobs/{answer.json()['job_id']}"
    document: dict[str, Any] = {}

    def has_ended() -> bool:
        # The other process of the API may learn later that the run has ended.
        document.update(get(stack, location).json())
        return bool(document["complete"])

    wait_until(has_ended, JOB_SECONDS, lambda: str(document))
    assert document["phase"] == "failed"
    assert document["error"]["who_acts"] == ["uploader"]
    assert document["error"]["faults"]
    assert all(fault["what_to_do"] for fault in document["error"]["faults"])
