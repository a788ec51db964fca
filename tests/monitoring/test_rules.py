"""The alert rules, the example configuration and the dashboard: valid, about metrics that exist, and explained."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.monitoring.programs import needs_prometheus
from tests.test_docs import REFERENCE, anchors, cells, section

PROJECT = Path(__file__).parents[2]
MONITORING = PROJECT / "monitoring"
ALERTS = MONITORING / "alerts.yaml"
DASHBOARD = MONITORING / "grafana" / "pacifica-ingest.json"
NAME = re.compile(r"\bpacifica_ingest_\w+")
LABELS = re.compile(r"(pacifica_ingest_\w+)\{([^}]*)\}")
# What a query may add to the name of a histogram.
SERIES = re.compile(r"_(bucket|count|sum)$")


def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    return list(json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"])


def documented() -> dict[str, set[str]]:
    """Return the labels of each metric, by its name."""
    page = REFERENCE / "metrics.md"
    rows = [
        row for heading in ("Metrics of the ledger", "Metrics of each host") for row in cells(section(page, heading))
    ]
    return {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[2])) for row in rows}


def queries() -> Iterator[tuple[str, str]]:
    yield from ((rule["alert"], rule["expr"]) for rule in rules())
    yield from ((panel["title"], target["expr"]) for panel in panels() for target in panel["targets"])


@pytest.mark.parametrize(("title", "query"), list(queries()))
def test_queries_name_metrics_and_labels_that_exist(title: str, query: str) -> None:
    metrics = documented()
    names = {SERIES.sub("", name) for name in NAME.findall(query)}
    assert names <= metrics.keys()
    assert names or "up{" in query
    for name, matchers in LABELS.findall(query):
        assert set(re.findall(r"(\w+)[!=~]+", matchers)) <= metrics[SERIES.sub("", name)]


def test_every_metric_but_details_is_on_the_dashboard() -> None:
    shown = {
        SERIES.sub("", name) for panel in panels() for each in panel["targets"] for name in NAME.findall(each["expr"])
    }
    assert documented().keys() == shown


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_every_alert_is_explained(rule: dict[str, Any]) -> None:
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert anchor in anchors(PROJECT / page)
    assert anchor == rule["alert"].lower()
    assert rule["labels"]["severity"] in ("critical", "warning", "info")


def test_rejections_are_the_codes_whose_uploader_acts() -> None:
    table = section(REFERENCE / "errors.md", "Codes").partition("**Codes of temporary errors")[0]
    of_uploaders = {row[0].strip("`") for row in cells(table) if "uploader" in row[2]}
    codes = {rule["alert"]: re.search(r'code(=~|!~)"([\w|]+)"', rule["expr"]) for rule in rules()}
    rejected, failed = codes["IngestJobsRejected"], codes["IngestJobsFail"]
    assert rejected
    assert failed
    assert set(rejected[2].split("|")) == of_uploaders
    assert set(failed[2].split("|")) == of_uploaders | {"run_marked_failed", "job_overridden"}


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        mine = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not mine & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= mine


@needs_prometheus
def test_rules_fire_in_their_cases() -> None:
    ran = subprocess.run(  # noqa: PLW1510 - its output is shown
        ["promtool", "test", "rules", "alerts_test.yaml"], cwd=MONITORING, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_alert_has_a_case_in_which_it_fires() -> None:
    document = yaml.safe_load((MONITORING / "alerts_test.yaml").read_text(encoding="utf-8"))
    checks = [check for case in document["tests"] for check in case["alert_rule_test"]]
    assert {check["alertname"] for check in checks if check.get("exp_alerts")} == {rule["alert"] for rule in rules()}
    assert {check["alertname"] for check in checks if not check.get("exp_alerts")} == {
        rule["alert"] for rule in rules()
    }
