"""The verdicts of preflight on the real server."""

import pytest

from ingest.settings.loading import Settings
from tests.api.live_server import Server
from tests.api.routes.preflights import FILE, SOURCE, check, codes, verdict
from tools.bundles import CONTENTS, file_entry, metadata_of, transaction


def test_good_metadata_is_acceptable_with_the_limits_of_a_bundle(server: Server) -> None:
    answer = check(server, metadata_of(CONTENTS))
    found = verdict(answer)
    assert (answer.status_code, found["acceptable"], found["policy"]) == (200, True, "accepted")
    assert (found["files"], found["bytes"]) == (len(CONTENTS), sum(map(len, CONTENTS.values())))
    assert found["largest_bundle"] == Settings().largest_bundle
    assert found["bytes_free"] > 0


def test_all_faults_are_listed_with_their_codes_and_entries(server: Server) -> None:
    entries = [*transaction(), FILE, FILE, {**FILE, "name": "b", "size": -1, "hashsum": "x"}, {"name": "c"}]
    answer = check(server, entries)
    assert codes(answer) == ["size_malformed", "hash_malformed", "entry_without_table", "file_listed_twice"]
    found = verdict(answer)
    assert (found["acceptable"], found["code"], found["policy"]) == (False, "metadata_invalid", "unchecked")
    assert found["faults"][2]["text"] == 'entry 7: "destinationTable" must be a text'
    assert found["message"] == "; ".join(f"{fault['text']} [{fault['code']}]" for fault in found["faults"])


def test_further_faults_are_counted(server: Server) -> None:
    found = verdict(check(server, [{}] * 130))
    assert (len(found["faults"]), found["more_faults"]) == (100, 30)


@pytest.mark.parametrize("body", [b"[", b"{}", b"\xff", b'[{"destinationTable": "x"}]]', b"[" * 10_000])
def test_document_that_cannot_be_read_is_a_fault(server: Server, body: bytes) -> None:
    answer = check(server, body)
    assert verdict(answer)["code"] == "metadata_invalid"
    assert len(codes(answer)) == 1


def test_ambiguous_paths_are_a_fault_beside_others(server: Server) -> None:
    entries = [*transaction(), FILE, file_entry("data/A", b"a"), file_entry("data/b", b"b", hashtype="crc")]
    assert codes(check(server, entries)) == ["path_ambiguous", "hash_type_unknown"]


def test_folder_below_data_may_be_called_data_as_the_stock_client_writes_it(server: Server) -> None:
    # Read as documented, both entries declare the same file; read as the stock client writes them, two.
    entries = [*transaction(), {**FILE, "subdir": ""}, {**FILE, "subdir": "data"}]
    assert verdict(check(server, entries))["files"] == 2


def test_ambiguous_paths_of_the_other_reading_do_not_count(server: Server) -> None:
    entries = [*transaction(), {**FILE, "name": "data", "subdir": ""}, {**FILE, "name": "A", "subdir": ""}, FILE]
    assert verdict(check(server, entries))["files"] == 3


def test_transaction_id_is_never_accepted(server: Server) -> None:
    for value in (0, 1, "None"):
        assert codes(
            check(server, [*metadata_of(CONTENTS), {"destinationTable": "Transactions._id", "value": value}])
        ) == ["transaction_id_given"]


def test_rejection_by_policy_has_its_code_and_reason(server: Server) -> None:
    answer = check(server, [entry for entry in transaction() if "project" not in entry["destinationTable"]])
    assert codes(answer) == ["policy_rejected"]
    found = verdict(answer)
    assert (found["code"], found["policy"]) == ("policy_rejected", "rejected")
    assert "project is missing" in found["message"]


def test_move_document_must_name_sources_once(server: Server) -> None:
    assert check(server, [*transaction(), FILE], "/preflight/move").json()["faults"][0]["code"] == "source_malformed"
    twice = [*transaction(), SOURCE, {**SOURCE, "name": "b"}]
    assert codes(check(server, twice, "/preflight/move")) == ["source_listed_twice"]
    assert verdict(check(server, [*transaction(), SOURCE], "/preflight/move"))["files"] == 1
