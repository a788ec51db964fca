"""Read the metrics of a real server."""

import requests
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.api.live_server import Server

PREFIX = "pacifica_ingest_"


class Scrape:
    """The metrics of one answer."""

    def __init__(self, text: str) -> None:
        self.families: dict[str, Metric] = {}
        for family in text_string_to_metric_families(text):
            assert family.name not in self.families, "a metric is described twice"
            self.families[family.name] = family

    def value(self, name: str, **labels: str) -> float | None:
        """Return the value of a sample; None if there is none with exactly these labels."""
        found = [
            sample.value
            for family in self.families.values()
            for sample in family.samples
            if sample.name == PREFIX + name and sample.labels == labels
        ]
        assert len(found) <= 1
        return found[0] if found else None


def scrape(server: Server, **headers: str) -> Scrape:
    answer = requests.get(f"{server.url}/metrics", headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return Scrape(answer.text)
