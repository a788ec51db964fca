"""### Report cataloged jobs

An example for a facility: starts when jobs are cataloged, and returns what the service says about each of them. Copy it to
the DAGs folder, and replace the task.
"""

from typing import Any

from airflow.sdk import Asset, dag, task

CATALOGED = Asset("pacifica-ingest/cataloged")


@dag(schedule=[CATALOGED], catchup=False, is_paused_upon_creation=True, doc_md=__doc__)
def report_cataloged() -> None:
    """Run once for all jobs that were cataloged since the last run."""

    @task
    def report(triggering_asset_events: Any = None) -> list[dict[str, Any]]:  # noqa: ANN401 - a type of Airflow
        # For example {"job": 17, "transaction": 17, "project": "1234a", "instrument": "54"}
        return [event.extra for event in triggering_asset_events[CATALOGED]]

    report()


report_cataloged()
