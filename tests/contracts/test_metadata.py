"""The contract of Metadata for `ingest_metadata`: a transaction is stored completely or not at all, and only once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from ingest.errors.types import CatalogHoldsIds, CatalogRejected, FenceLost
from ingest.services.metadata import Metadata
from tests.contracts.conftest import Connect, NewIds
from tests.contracts.transactions import document, hashes, ingest, remove_key
from tests.services.bodies import FailingBody
from tools.bundles import Entry

CLIENTS = 4
LARGEST_ID = 2**31 - 1


def assert_rejected(metadata: Metadata, transaction_id: int, entries: list[Entry]) -> CatalogRejected:
    with pytest.raises(CatalogRejected) as caught:
        ingest(metadata, transaction_id, entries)
    assert "\n" not in str(caught.value)
    return caught.value


def test_transaction_is_found_with_ids_and_hashes_and_not_before(metadata: Metadata, new_id: int, new_ids: NewIds):
    files = new_ids(3)
    assert metadata.find(new_id) is None
    ingest(metadata, new_id, document(new_id, files))
    assert metadata.find(new_id) == hashes(files)


def test_transaction_without_files_is_found_empty(metadata: Metadata, new_id: int):
    ingest(metadata, new_id, document(new_id))
    assert metadata.find(new_id) == {}


def test_another_client_finds_the_transaction(connect: Connect, new_id: int):
    ingest(connect().metadata, new_id, document(new_id, [new_id]))
    assert connect().metadata.find(new_id) == hashes([new_id])


def test_transactions_do_not_find_each_others_files(metadata: Metadata, new_ids: NewIds):
    first, second = new_ids(2)
    for transaction_id in (first, second):
        ingest(metadata, transaction_id, document(transaction_id, [transaction_id]))
    assert (metadata.find(first), metadata.find(second)) == (hashes([first]), hashes([second]))


@pytest.mark.parametrize("transaction_id", [LARGEST_ID - 1, LARGEST_ID + 1, 2**62])
def test_unknown_transaction_is_not_found(metadata: Metadata, transaction_id: int):
    assert metadata.find(transaction_id) is None


def test_ids_may_be_as_large_as_32_bits_hold(metadata: Metadata):
    ingest(metadata, LARGEST_ID, document(LARGEST_ID, [LARGEST_ID]))
    assert metadata.find(LARGEST_ID) == hashes([LARGEST_ID])


def test_five_thousand_files_are_cataloged(metadata: Metadata, new_id: int, new_ids: NewIds):
    files = new_ids(5000)
    ingest(metadata, new_id, document(new_id, files))
    assert metadata.find(new_id) == hashes(files)


@pytest.mark.parametrize("other_files", [False, True])
def test_transaction_that_is_there_is_rejected_and_nothing_changes(
    metadata: Metadata, new_ids: NewIds, other_files: bool
):
    transaction_id, first, second = new_ids(3)
    ingest(metadata, transaction_id, document(transaction_id, [first]))
    assert_rejected(metadata, transaction_id, document(transaction_id, [second if other_files else first]))
    assert metadata.find(transaction_id) == hashes([first])


@pytest.mark.parametrize("position", [0, 1, 2])
def test_file_of_another_transaction_is_rejected_by_id_and_nothing_of_the_new_one_stays(
    metadata: Metadata, new_ids: NewIds, position: int
):
    first, second, taken = new_ids(3)
    files = [*new_ids(2)]
    ingest(metadata, first, document(first, [taken]))
    rejection = assert_rejected(metadata, second, document(second, [*files[:position], taken, *files[position:]]))
    assert isinstance(rejection, CatalogHoldsIds)
    assert rejection.ids == {taken}
    assert metadata.find(first) == hashes([taken])
    assert metadata.find(second) is None
    # If anything had stayed, its ids would be in use.
    ingest(metadata, second, document(second, files))
    assert metadata.find(second) == hashes(files)


def test_all_files_of_other_transactions_are_named_together(metadata: Metadata, new_ids: NewIds):
    first, second = new_ids(2)
    taken, free = new_ids(200), new_ids(3)
    ingest(metadata, first, document(first, taken))
    rejection = assert_rejected(metadata, second, document(second, [*taken, *free]))
    assert isinstance(rejection, CatalogHoldsIds)
    assert rejection.ids == set(taken)


def test_file_that_is_listed_twice_is_rejected_and_nothing_stays(metadata: Metadata, new_id: int):
    rejection = assert_rejected(metadata, new_id, document(new_id, [new_id, new_id]))
    assert not isinstance(rejection, CatalogHoldsIds), "new ids would not help"
    assert metadata.find(new_id) is None


@pytest.mark.parametrize("key", ["_id", "hashtype", "hashsum"])
def test_file_without_a_compared_key_is_rejected_and_nothing_stays(metadata: Metadata, new_ids: NewIds, key: str):
    transaction_id, good, bad = new_ids(3)
    lacks = remove_key(document(transaction_id, [bad]), key)
    assert_rejected(metadata, transaction_id, [*document(transaction_id, [good])[:-1], *lacks])
    assert metadata.find(transaction_id) is None
    ingest(metadata, transaction_id, document(transaction_id, [good, bad]))


def test_text_with_nul_is_rejected_and_nothing_stays(metadata: Metadata, new_id: int):
    assert_rejected(metadata, new_id, document(new_id, [new_id], name="a\0b"))
    assert metadata.find(new_id) is None


@pytest.mark.parametrize("sent", [0, 1])
def test_document_without_its_transaction_is_rejected(metadata: Metadata, new_id: int, sent: int):
    assert_rejected(metadata, new_id, document(new_id, [new_id] * sent)[:-1])
    assert metadata.find(new_id) is None


def test_error_of_the_document_is_raised_unchanged_and_nothing_stays(metadata: Metadata, new_id: int):
    error = FenceLost("a newer process")
    with pytest.raises(FenceLost) as caught:
        metadata.ingest(new_id, FailingBody(0, error), 10)
    assert caught.value is error
    assert metadata.find(new_id) is None
    ingest(metadata, new_id, document(new_id, [new_id]))


def test_transaction_that_is_sent_by_many_simultaneously_is_held_once(connect: Connect, new_id: int, new_ids: NewIds):
    files = new_ids(20)

    def outcome(client: Metadata) -> str:
        try:
            ingest(client, new_id, document(new_id, files))
        except CatalogRejected:
            return "rejected"
        return "held"

    clients = [connect().metadata for _ in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as pool:
        assert sorted(pool.map(outcome, clients)) == ["held", *["rejected"] * (CLIENTS - 1)]
    assert clients[0].find(new_id) == hashes(files)


def test_transactions_that_are_sent_simultaneously_are_all_held(connect: Connect, new_ids: NewIds):
    clients = {transaction_id: connect().metadata for transaction_id in new_ids(CLIENTS)}
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(lambda pair: ingest(pair[1], pair[0], document(pair[0], [pair[0]])), clients.items()))
    assert [client.find(number) for number, client in clients.items()] == [hashes([number]) for number in clients]


def test_ids_that_the_catalog_holds_are_distinguished_from_others(metadata: Metadata, new_id: int, new_ids: NewIds):
    files, others = new_ids(3), new_ids(997)
    ingest(metadata, new_id, document(new_id, files))
    assert metadata.holds_files([*files, *others]) == frozenset(files)
    assert metadata.holds_files(others) == frozenset()
