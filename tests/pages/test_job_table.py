"""The list of jobs: what each job shows, its pages, and names that try to be markup."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from ingest.pages.filters import read_query
from ingest.pages.job_table import PAGE_SIZE, JobRow, read_table, render_jobs
from ingest.pages.site import Site
from ingest.states.stages import Kind
from tests.hostile_texts import ALL_HOSTILE
from tests.pages.job_rows import STATES, add_job
from tests.pages.page_reading import PageReader


def rows(engine: Engine, **filters: str) -> dict[int, JobRow]:
    return {row.job_id: row for row in read_table(engine, read_query(filters)).rows}


def page(site: Site, engine: Engine, **filters: str) -> PageReader:
    return PageReader(render_jobs(site, engine, read_query(filters), list(Kind)))


@pytest.fixture
def jobs(separate_engine: Engine) -> dict[str, int]:
    return {state: add_job(separate_engine, number, state) for number, state in enumerate(STATES, 1)}


def test_each_state_has_its_word(separate_engine: Engine, jobs: dict[str, int]):
    found = rows(separate_engine)
    words = {state: found[job].phase.value for state, job in jobs.items()}
    assert words == {
        "received": "waiting",
        "running": "running",
        "waiting": "waiting",
        "failed": "failed",
        "canceled": "failed",
        "complete": "complete",
    }


def test_causes_are_sentences(separate_engine: Engine, jobs: dict[str, int]):
    found = rows(separate_engine)
    causes = {state: found[job].cause for state, job in jobs.items()}
    assert causes["failed"] == "the bundle is not a tar"
    assert causes["canceled"] == "canceled by an admin"
    assert "archive unavailable at http://archive:8080 since 13:10 UTC (connection refused)" in causes["waiting"]
    assert (causes["received"], causes["running"], causes["complete"]) == ("", "", "")
    assert {state: found[job].code for state, job in jobs.items() if found[job].code} == {
        "failed": "bundle_invalid",
        "canceled": "canceled",
    }


def test_the_rate_is_that_of_the_stage_that_sends_or_of_the_whole_job(separate_engine: Engine, jobs: dict[str, int]):
    found = rows(separate_engine)
    # 40 % of 12 MB in ten seconds, and a moment for this test.
    assert 100_000 < (found[jobs["running"]].rate or 0) <= 480_000
    assert found[jobs["complete"]].rate == pytest.approx(12_000_000 / 1800, rel=0.01)
    assert [found[jobs[state]].rate for state in ("received", "waiting", "failed")] == [None, None, None]


def test_a_job_lasts_until_its_end(separate_engine: Engine, jobs: dict[str, int]):
    found = rows(separate_engine)
    assert found[jobs["complete"]].duration == pytest.approx(timedelta(minutes=30), abs=timedelta(seconds=1))
    assert found[jobs["received"]].duration >= timedelta(hours=1)


def test_the_page_shows_and_links_each_job(site: Site, separate_engine: Engine, jobs: dict[str, int]):
    shown = page(site, separate_engine)
    assert {f"jobs/{job}" for job in jobs.values()} <= set(shown.attributes("a", "href"))
    assert {f"select-{job}" for job in jobs.values()} <= set(shown.attributes("input", "id"))
    assert "?state=failed&code=bundle_invalid" in shown.attributes("a", "href")
    assert shown.attributes("progress", "value") == ["40.0"]


def test_who_may_change_nothing_sees_no_selection(separate_engine: Engine, jobs: dict[str, int]):
    shown = page(Site("", "ada"), separate_engine)
    assert "checkbox" not in shown.attributes("input", "type")
    assert "selected jobs" not in shown.text


def test_filters_are_in_the_form_and_select(site: Site, separate_engine: Engine, jobs: dict[str, int]):
    assert set(rows(separate_engine, state="failed")) == {jobs["failed"], jobs["canceled"]}
    shown = page(site, separate_engine, q="ad", code="bundle_invalid", since="2026-01-01")
    values = dict(zip(shown.attributes("input", "name"), shown.attributes("input", "value"), strict=False))
    assert (values["q"], values["since"], values["code"]) == ("ad", "2026-01-01", "bundle_invalid")


def test_a_filter_that_cannot_be_read_selects_nothing(site: Site, separate_engine: Engine, jobs: dict[str, int]):
    shown = page(site, separate_engine, state="lost")
    assert "state cannot be read; use one of waiting, running, failed, complete." in shown.text
    assert "jobs/1" not in shown.attributes("a", "href")


def test_an_empty_list_says_what_to_do(site: Site, separate_engine: Engine):
    assert "Jobs appear here when a bundle is uploaded" in page(site, separate_engine).text
    assert "No job matches the filters." in page(site, separate_engine, user="bob").text


def test_pages_follow_each_other(separate_engine: Engine, site: Site):
    for job in range(2 * PAGE_SIZE + 1):
        add_job(separate_engine, job, age=timedelta(minutes=job))
    seen: list[int] = []
    parameters: dict[str, str] = {}
    for _ in range(3):
        table = read_table(separate_engine, read_query(parameters))
        seen += [row.job_id for row in table.rows]
        parameters = dict(pair.split("=") for pair in table.following.split("&") if pair)
    assert seen == list(range(2 * PAGE_SIZE + 1))
    assert parameters == {}


def test_hostile_names_are_harmless(site: Site, separate_engine: Engine):
    hostile = f"<script>alert(1)</script>{ALL_HOSTILE}" + "x" * 10_000
    error = {"stage": "open_tar", "code": "bundle_invalid", "text": hostile, "final": True}
    add_job(separate_engine, 1, user=hostile, project='"><img src=x onerror=alert(1)>', instrument="מעבדה", error=error)
    html = render_jobs(site, separate_engine, read_query({"q": "<script>"}), list(Kind))
    assert html.replace("\n", "").isprintable()
    shown = PageReader(html)
    assert "alert" not in "".join(shown.attributes("script", "src"))
    assert not any(tag == "img" for tag, _ in shown.elements)
    assert "מעבדה" in shown.text
    assert len(shown.text) < 3000


def test_a_reader_of_one_kind_sees_only_that_kind(site: Site, separate_engine: Engine):
    add_job(separate_engine, 1)
    add_job(separate_engine, 2, kind="move")
    shown = PageReader(render_jobs(site, separate_engine, read_query({}), [Kind.MOVE]))
    assert "jobs/2" in shown.attributes("a", "href")
    assert "jobs/1" not in shown.attributes("a", "href")
    assert "kind" not in shown.attributes("select", "name")


def test_a_canceled_job_has_the_same_word_in_the_list_as_on_its_page(site: Site, separate_engine: Engine):
    add_job(separate_engine, 1, "canceled")
    shown = render_jobs(site, separate_engine, read_query({}), list(Kind))
    assert '<span class="state state-failed">canceled</span>' in shown
