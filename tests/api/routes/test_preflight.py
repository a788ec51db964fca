"""The verdicts of preflight on the real server."""

from pathlib import Path

import pytest

from ingest.settings.loading import Settings
from tests.api.live_server import Server, serving_alone
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


def test_files_that_no_bundle_can_hold_are_refused(database_url: str, tmp_path: Path) -> None:
    with serving_alone(tmp_path, database_url, INGEST_LARGEST_BUNDLE="1 Mb") as server:
        answer = check(server, [*transaction(), {**FILE, "size": 1024**2 + 1}])
        assert (answer.status_code, answer.json()["code"]) == (413, "bundle_too_large")
        assert check(server, [*transaction(), {**SOURCE, "size": 1024**2 + 1}], "/preflight/move").ok


def test_move_from_a_folder_without_a_rule_is_refused_as_by_the_move_itself(database_url: str, tmp_path: Path) -> None:
    rules = {"INGEST_AUTHENTICATION": "open", "INGEST_MOVE_RULES": "ada: /srv/ada"}
    with serving_alone(tmp_path, database_url, **rules) as server:
        for user in ("ada", "bob"):
            answers = [
                check(server, [*transaction(), SOURCE], path, **{"X-Http-Authed-User": user})
                for path in ("/move", "/preflight/move")
            ]
            assert [answer.status_code for answer in answers] == [403, 403]
            assert answers[0].json() == answers[1].json()


def test_user_who_may_not_use_the_submitter_is_told_before_the_upload(database_url: str, tmp_path: Path) -> None:
    submitters = tmp_path / "submitters.json"
    submitters.write_text('{"ada": 10, "bob": 11}')
    settings = {
        "INGEST_AUTHENTICATION": "proxy",
        "INGEST_TRUSTED_PROXIES": "127.0.0.1",
        "INGEST_SUBMITTER_CHECK": "file",
        "INGEST_SUBMITTER_FILE": submitters,
    }
    with serving_alone(tmp_path, database_url, **settings) as server:
        assert check(server, metadata_of(CONTENTS), **{"X-Http-Authed-User": "ada"}).ok
        assert codes(check(server, metadata_of(CONTENTS), **{"X-Http-Authed-User": "bob"})) == ["submitter_mismatch"]
        submitters.unlink()
        answer = check(server, metadata_of(CONTENTS), **{"X-Http-Authed-User": "ada"})
        assert (answer.status_code, answer.json()["code"]) == (503, "submitters_unavailable")
