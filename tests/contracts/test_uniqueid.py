"""The contract of UniqueID for the API and `load_metadata`: unique, consecutive ids."""

from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import pytest

from ingest.services.uniqueid import IdMode, UniqueID
from tests.contracts.conftest import Connect

CLIENTS = 8


@pytest.fixture
def uniqueid(connect: Connect) -> UniqueID:
    return connect().uniqueid


@pytest.mark.parametrize("mode", ["upload_job", "file"])
@pytest.mark.parametrize("count", [0, 1, 2, 1000])
def test_as_many_ids_as_requested_are_allocated(uniqueid: UniqueID, mode: IdMode, count: int):
    ids = uniqueid.allocate(mode, count)
    assert len(ids) == count
    assert ids.step == 1


@pytest.mark.parametrize("mode", ["upload_job", "file"])
def test_ids_go_up_and_are_above_zero(uniqueid: UniqueID, mode: IdMode):
    first, second = uniqueid.allocate(mode, 5), uniqueid.allocate(mode, 3)
    assert first.start > 0
    assert second.start >= first.stop


def test_modes_count_for_themselves(uniqueid: UniqueID):
    before = uniqueid.allocate("upload_job", 1)
    uniqueid.allocate("file", 1000)
    assert before.stop <= uniqueid.allocate("upload_job", 1).start < before.stop + 1000


@pytest.mark.parametrize("mode", ["upload_job", "file"])
def test_simultaneous_clients_never_get_the_same_ids(connect: Connect, mode: IdMode):
    clients = [connect().uniqueid for _ in range(CLIENTS)]
    counts = range(1, 101)
    with ThreadPoolExecutor(CLIENTS) as pool:
        ranges = list(pool.map(lambda count: clients[count % CLIENTS].allocate(mode, count), counts))
    assert [len(ids) for ids in ranges] == list(counts)
    assert len(set(chain.from_iterable(ranges))) == sum(counts)


def test_client_that_comes_later_gets_other_ids(connect: Connect):
    assert connect().uniqueid.allocate("file", 10).stop <= connect().uniqueid.allocate("file", 10).start
