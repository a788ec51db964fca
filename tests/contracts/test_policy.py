"""The contract of Policy for `validate_policy`: a valid document is accepted, the faults of another are named."""

import io
import json
from collections.abc import Mapping
from types import MappingProxyType

import pytest

from ingest.errors.types import PolicyRejected
from ingest.services.policy import Policy
from tests.contracts.conftest import PACIFICA, Connect
from tests.services.bodies import FailingBody
from tools.bundles import Entry, file_entry, transaction
from tools.pacifica_core.core import Core
from tools.pacifica_core.people import put
from tools.pacifica_core.services import METADATA

TERMS = ["submitter", "project", "instrument"]
BLOCK = 1024 * 1024


@pytest.fixture
def policy(connect: Connect) -> Policy:
    return connect().policy


def document(values: Mapping[str, object] = MappingProxyType({}), files: int = 1) -> list[Entry]:
    """Return a completed document; `values` replace those of the transaction."""
    terms = {entry["destinationTable"]: entry for entry in transaction()}
    for name, value in values.items():
        terms[f"Transactions.{name}"]["value"] = value
    entries = [file_entry(f"data/日本/{number}", b"x", _id=number) for number in range(1, files + 1)]
    return [*terms.values(), *entries, {"destinationTable": "Transactions._id", "value": 7}]


def without(*terms: str) -> list[Entry]:
    absent = {f"Transactions.{term}" for term in terms}
    return [entry for entry in document() if entry["destinationTable"] not in absent]


def check(policy: Policy, entries: object, user: str = "ada") -> None:
    encoded = json.dumps(entries).encode()
    policy.check(io.BytesIO(encoded), len(encoded), user)


def reason_of(policy: Policy, entries: object) -> str:
    """Return the reason of a rejection; then check that policy still accepts a valid document."""
    with pytest.raises(PolicyRejected) as caught:
        check(policy, entries)
    check(policy, document())
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_document_without_files_is_accepted_if_policy_needs_none(policy: Policy):
    if not policy.needs_files:
        check(policy, [entry for entry in document() if entry["destinationTable"] != "Files"])


def test_good_document_is_accepted_again_and_again(policy: Policy):
    for _ in range(3):
        check(policy, document())


def test_document_without_files_is_accepted(policy: Policy):
    check(policy, document(files=0))


def test_entries_that_policy_does_not_know_are_accepted(policy: Policy):
    check(policy, [*document(), {"destinationTable": "FileKeyValue", "key": "a", "value": None, "file_id": 1}])


@pytest.mark.parametrize("values", [{"submitter": "10"}, {"instrument": "54"}, {"submitter": "10", "instrument": "54"}])
def test_numbers_may_be_texts(policy: Policy, values: dict[str, object]):
    check(policy, document(values))


@pytest.mark.parametrize("user", ["müller", "日本", "a b", "DOMAIN\\ada", "ada@example.org"])
def test_user_may_have_any_name(policy: Policy, user: str):
    check(policy, document(), user)


@pytest.mark.parametrize("term", TERMS)
def test_missing_term_is_rejected_by_name(policy: Policy, term: str):
    reason = reason_of(policy, without(term))
    assert [each for each in TERMS if each in reason] == [term]


@pytest.mark.parametrize("value", [None, ""])
@pytest.mark.parametrize("term", TERMS)
def test_term_without_a_value_is_rejected_by_name(policy: Policy, term: str, value: object):
    reason = reason_of(policy, document({term: value}))
    assert [each for each in TERMS if each in reason] == [term]


@pytest.mark.parametrize("entries", [[], without(*TERMS)])
def test_all_missing_terms_are_named_together(policy: Policy, entries: list[Entry]):
    reason = reason_of(policy, entries)
    assert [each for each in TERMS if each in reason] == TERMS


def test_document_that_is_no_json_is_rejected(policy: Policy):
    with pytest.raises(PolicyRejected, match="JSON"):
        policy.check(io.BytesIO(b"[{"), 2, "ada")


class CountedDocument(io.BytesIO):
    """A document that records the amounts of its reads."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.amounts: list[int] = []

    def read(self, amount: int | None = -1) -> bytes:
        self.amounts.append(-1 if amount is None else amount)
        return super().read(amount)

    def seek(self, *_: int) -> int:
        raise AssertionError("a document is read once, from where it is positioned")


def test_large_document_is_read_once_in_blocks_to_its_end(policy: Policy):
    encoded = json.dumps(document(files=20_000)).encode()
    counted = CountedDocument(encoded)
    policy.check(counted, len(encoded), "ada")
    assert len(encoded) > 4 * BLOCK
    assert all(0 <= amount <= BLOCK for amount in counted.amounts)
    assert counted.tell() == len(encoded)


def test_error_of_the_document_is_raised_unchanged(policy: Policy):
    error = OSError("the spool")
    with pytest.raises(OSError, match="the spool") as caught:
        policy.check(FailingBody(0, error), 10, "ada")
    assert caught.value is error
    check(policy, document())


# The built-in policy cannot check these.
@pytest.mark.parametrize("form", [PACIFICA])
@pytest.mark.parametrize(("term", "value"), [("submitter", 999), ("project", "nope"), ("instrument", 999)])
def test_term_that_pacifica_does_not_know_is_rejected_by_name(policy: Policy, term: str, value: object):
    assert reason_of(policy, document({term: value})).endswith(f"Precondition Failed: Invalid values for {term}")


@pytest.mark.parametrize("form", [PACIFICA])
def test_project_that_the_submitter_is_no_member_of_is_rejected_by_name(policy: Policy, core: Core):
    project = {"_id": "5678b", "title": "Of others", "abstract": "", "science_theme": ""}
    put(core.url(METADATA), "projects", project)
    assert "project (5678b) not in user instrument list (['1234a'])" in reason_of(
        policy, document({"project": "5678b"})
    )
