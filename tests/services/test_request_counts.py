"""The requests of a process to services are counted, with their durations."""

import math
from collections import Counter
from contextlib import closing
from threading import Thread

import pytest

from ingest.errors.types import ServiceUnavailable
from ingest.ledger.service_request_totals import RequestKey, Requests
from ingest.services.http_client import HttpClient
from ingest.services.request_counts import BOUNDS, RequestCounts
from tests.services.scripted_server import ScriptedServer, reply


def client_of(url: str, counts: RequestCounts) -> HttpClient:
    return HttpClient("thing", url, 5, 5, 4096, counts.observe)


def test_answers_and_their_absence_are_counted(server: ScriptedServer) -> None:
    counts = RequestCounts()
    server.then(reply(200, {}), reply(200, {}), reply(404, {}))
    with closing(client_of(server.url, counts)) as client:
        for expected in (200, 200, 404):
            with client.request("GET", "/x", expected=(expected,)):
                pass
    with closing(client_of("http://127.0.0.1:1", counts)) as client, pytest.raises(ServiceUnavailable):
        client.request("PUT").__enter__()
    numbers: Counter[tuple[str, str, str]] = Counter()
    for key, requests in counts.take().items():
        numbers[key.service, key.method, key.status] += requests.count
    assert numbers == {("thing", "GET", "200"): 2, ("thing", "GET", "404"): 1, ("thing", "PUT", "none"): 1}
    assert counts.take() == {}


@pytest.mark.parametrize(("seconds", "bound"), [(0.0, BOUNDS[0]), (0.005, 0.005), (0.0051, 0.01), (1e9, math.inf)])
def test_a_duration_is_in_the_bucket_with_the_next_higher_bound(seconds: float, bound: float) -> None:
    counts = RequestCounts()
    counts.observe("thing", "GET", "200", seconds)
    assert counts.take() == {RequestKey("thing", "GET", "200", bound): Requests(1, seconds)}


def test_threads_count_simultaneously() -> None:
    counts = RequestCounts()

    def count() -> None:
        for _ in range(1000):
            counts.observe("thing", "GET", "200", 0.5)

    threads = [Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts.take() == {RequestKey("thing", "GET", "200", 0.5): Requests(8000, 4000.0)}
