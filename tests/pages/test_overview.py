"""The overview: what it counts, what it says while a part is missing, and that no page waits for a check that hangs."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest.errors.types import DatabaseUnavailable
from ingest.ledger.overview import (
    HOURS,
    FailureCause,
    OpenJobs,
    ServiceWait,
    count_failures,
    count_open_jobs,
    read_received_hours,
)
from ingest.operations import recent_value
from ingest.operations.recent_value import RecentValue
from ingest.operations.service_health import DiskSpace, Health, archive_space, health_checks, spool_space
from ingest.orchestrator.client import AirflowApi
from ingest.pages.filters import read_query
from ingest.pages.job_table import render_jobs
from ingest.pages.overview import Overview
from ingest.pages.plot import plot_hours
from ingest.pages.site import Site
from ingest.settings.loading import Settings
from ingest.states.stages import Kind
from tests.pages.job_rows import WAITING, add_job
from tests.pages.page_reading import PageReader
from tests.services.archive_folders import marked_archive
from tools.stack import free_port
from tools.waiting import wait_until

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def test_open_jobs_and_waits_are_counted(separate_engine: Engine):
    assert count_open_jobs(separate_engine) == OpenJobs(0, 0, ())
    add_job(separate_engine, 1, "received")
    add_job(separate_engine, 2, "running")
    add_job(separate_engine, 3, "waiting")
    add_job(separate_engine, 4, "waiting", waiting={**WAITING, "since": "2026-11-30T12:00:00+00:00"})
    add_job(separate_engine, 5, "waiting", waiting={**WAITING, "service": "spool"})
    # It failed while it waited.
    add_job(separate_engine, 6, "failed", waiting=WAITING)
    first, second = (datetime(2026, 11, 30, *time, tzinfo=UTC) for time in ((12, 0), (13, 10)))
    waits = (ServiceWait("archive", first, 2), ServiceWait("spool", second, 1))
    assert count_open_jobs(separate_engine) == OpenJobs(1, 4, waits)


def test_failures_of_the_last_day_are_grouped_by_cause(separate_engine: Engine):
    add_job(separate_engine, 1, "failed")
    add_job(separate_engine, 2, "failed", user="bob")
    add_job(separate_engine, 3, "canceled")
    # Received two days ago, failed today; failed two days ago; complete.
    add_job(separate_engine, 4, "failed", age=1.9 * DAY)
    add_job(separate_engine, 5, "failed", age=4 * DAY)
    add_job(separate_engine, 6, "complete")
    assert count_failures(separate_engine) == [FailureCause("bundle_invalid", 3, 2), FailureCause("canceled", 1, 1)]


def test_what_was_received_is_summed_for_each_hour(separate_engine: Engine):
    add_job(separate_engine, 1, "complete", age=timedelta())
    add_job(separate_engine, 2, age=timedelta())
    add_job(separate_engine, 3, age=25 * HOUR)
    hours = read_received_hours(separate_engine)
    assert [hour.begin for hour in hours] == [hours[0].begin + number * HOUR for number in range(HOURS)]
    assert sum(hour.jobs for hour in hours) == 2
    assert (hours[-1].jobs, hours[-1].bytes, hours[-1].files) == (2, 4096, 3)
    plots = plot_hours(hours)
    assert [(plot.label, plot.largest, plot.total) for plot in plots] == [
        ("Bytes", "4.1 kB", "4.1 kB"),
        ("Files", "3", "3"),
    ]
    assert [len(plot.bars) for plot in plots] == [HOURS, HOURS]
    assert plots[0].bars[-1].height == plots[0].height
    assert plots[0].bars[0].height == 0


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(
        volume_path=tmp_path,
        database_url=database_url,
        archiveinterface_url=marked_archive(tmp_path / "archive"),
        uniqueid_url=f"http://127.0.0.1:{free_port()}",
        airflow_url=f"http://127.0.0.1:{free_port()}",
    )


def test_each_service_is_checked(settings: Settings, database_engine: Engine):
    checks = health_checks(settings, database_engine, AirflowApi(settings))
    found = {name: check() for name, check in checks.items()}
    assert {name: health.is_available for name, health in found.items()} == {
        "UniqueID": False,
        "Policy": None,
        "ArchiveInterface": True,
        "Metadata": None,
        "Database": True,
        "Airflow": False,
    }
    assert "refused" in found["Airflow"].failure
    assert all(health.seconds >= 0 for health in found.values())


def test_free_space_is_that_of_the_disks(settings: Settings, tmp_path: Path):
    spool, archive = spool_space(settings), archive_space(settings)
    assert spool is not None
    assert archive is not None
    assert 0 < spool.free <= spool.total
    assert (spool.kept_free, archive.kept_free) == (settings.spool_kept_free, 0)
    assert spool_space(settings.model_copy(update={"volume_path": tmp_path / "missing"})) is None
    assert archive_space(settings.model_copy(update={"archiveinterface_url": "http://archive:8080"})) is None


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


def test_a_value_is_read_again_only_when_it_is_old(threads: ThreadPoolExecutor):
    numbers = iter(range(10))
    kept = RecentValue(lambda: next(numbers), 3600, threads)
    assert [kept.get(10), kept.get(10)] == [0, 0]
    renewed = RecentValue(lambda: next(numbers), 0, threads)
    assert renewed.get(10) == 1
    wait_until(lambda: (renewed.get() or 0) >= 3, 10, lambda: "it is never read again")


def test_nobody_waits_for_a_reading_that_hangs(threads: ThreadPoolExecutor):
    hanging = threading.Event()
    value = RecentValue(lambda: hanging.wait(60), 0, threads)
    assert [value.get() for _ in range(100)] == [None] * 100
    hanging.set()
    wait_until(lambda: value.get() is True, 10, lambda: "the reading never ends")


def test_a_reading_that_fails_leaves_no_old_value(threads: ThreadPoolExecutor):
    outcomes = iter([1])

    def read() -> int:
        for value in outcomes:
            return value
        raise DatabaseUnavailable("the database is gone")

    value = RecentValue(read, 0, threads)
    assert value.get(10) == 1
    wait_until(lambda: value.get(10) is None, 10, lambda: "the old value stays")


def test_an_unexpected_error_is_logged_and_leaves_no_old_value(
    threads: ThreadPoolExecutor, caplog: pytest.LogCaptureFixture
):
    outcomes = iter([1])
    value = RecentValue(lambda: next(outcomes), 0, threads)
    assert value.get(10) == 1
    wait_until(lambda: value.get(10) is None, 10, lambda: "the old value stays")
    assert "StopIteration" in caplog.text


def test_an_old_value_is_not_shown_while_the_next_reading_hangs(
    threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(recent_value, "MOST_SECONDS_LATE", 0.2)
    hanging, seconds = threading.Event(), iter([0, 60])

    def read() -> str:
        hanging.wait(next(seconds))
        return "read"

    value = RecentValue(read, 0, threads)
    assert value.get(10) == "read"
    wait_until(lambda: value.get() is None, 10, lambda: "the old value stays")
    hanging.set()


OVERVIEW = Overview(
    OpenJobs(2, 10_001, (ServiceWait("archive", datetime(2026, 11, 30, 13, 10, tzinfo=UTC), 1),)),
    [FailureCause("bundle_invalid", 12, 1), FailureCause("", 1, 1)],
    (),
    {"Spool": DiskSpace(10, 1000, 20), "Archive": None},
    {
        "Policy": Health(None, 0.0),
        "Airflow": Health(False, 0.1, "<b>refused</b>"),
        "Database": Health(True, 0.0123),
        "UniqueID": None,
    },
)


def test_the_overview_says_all_in_words(site: Site, separate_engine: Engine):
    shown = PageReader(render_jobs(site, separate_engine, read_query({}), list(Kind), OVERVIEW))
    for sentence in (
        "2 running",
        "more than 10,000 waiting",
        "1 waits for archive since",
        "12 bundle_invalid 1 user",
        "Airflow unavailable <b>refused</b>",
        "Database 12 ms",
        "Policy: built in",
        "UniqueID: not checked yet",
        "Spool: full 10 bytes of 1.0 kB free",
        "Archive: free space unknown",
    ):
        assert sentence in shown.text
    assert "jobs?state=failed&code=bundle_invalid" in shown.attributes("a", "href")


def test_an_overview_that_is_not_read_yet_is_shown(site: Site, separate_engine: Engine):
    empty = Overview(None, None, None, {}, {})
    shown = PageReader(render_jobs(site, separate_engine, read_query({}), list(Kind), empty)).text
    assert "... running" in shown
    assert "No job" not in shown.replace("No job has been received yet", "")
