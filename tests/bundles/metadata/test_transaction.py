"""The values of the transaction, which must be present once."""

import pytest

from tests.bundles.metadata.documents import JOB, ONE, codes, declared, fault_of, reader_of
from tools.bundles import file_entry, transaction


def test_transaction_values_are_remembered():
    reader = reader_of(*transaction(), file_entry("data/a", ONE))
    assert len(list(reader.files())) == 1
    assert not reader.faults
    assert reader.transaction == {"submitter": 10, "project": "1234a", "instrument": 54}


def test_transaction_value_that_is_repeated_unchanged_is_accepted():
    assert declared(*transaction(), *transaction()) == []


def test_whole_number_with_an_exponent_is_the_number():
    assert declared(*transaction(), {"destinationTable": "Transactions.submitter", "value": 1e1}) == []


@pytest.mark.parametrize("value", [None, True, [10], {"_id": 10}])
@pytest.mark.parametrize("term", ["submitter", "project", "instrument"])
def test_transaction_value_that_is_neither_text_nor_number_is_named(term: str, value: object):
    text = fault_of({"destinationTable": f"Transactions.{term}", "value": value})
    assert text == f'entry 0: "value" of Transactions.{term} must be a text or a number [value_malformed]'


def test_transaction_entry_without_a_value_is_named():
    assert codes(fault_of({"destinationTable": "Transactions.project"})) == ["value_malformed"]


@pytest.mark.parametrize("second", [11, "10", 10.5])
def test_transaction_value_that_is_repeated_differently_is_named(second: object):
    text = fault_of(*transaction(), {"destinationTable": "Transactions.submitter", "value": second})
    assert text == "entry 4: Transactions.submitter is repeated with a different value [entry_twice]"


def test_other_entries_may_be_repeated():
    entry = {"destinationTable": "TransactionKeyValue", "key": "Tag", "value": 1}
    assert declared(entry, entry | {"value": 2}) == []


@pytest.mark.parametrize("value", [JOB + 1, 0, -1, None, "", "x", True, [JOB], f" {JOB}"])
def test_transaction_id_of_the_uploader_is_named(value: object):
    text = fault_of({"destinationTable": "Transactions._id", "value": value})
    assert text == "entry 0: Transactions._id is assigned by the service; leave it out [transaction_id_given]"


@pytest.mark.parametrize("value", [JOB, str(JOB)])
def test_transaction_id_that_is_the_job_id_is_accepted(value: object):
    assert declared({"destinationTable": "Transactions._id", "value": value}) == []
