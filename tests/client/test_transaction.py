"""The transaction comes from options, from a file, or from a template with placeholders."""

import json
from pathlib import Path
from typing import Any

import pytest

from pacifica_ingest_client.bundle.transaction import Transaction
from pacifica_ingest_client.errors import MetadataUnusable, UsageError

SUBMITTER = {"destinationTable": "Transactions.submitter", "value": 10}
PROJECT = {"destinationTable": "Transactions.project", "value": "1234"}
INSTRUMENT = {"destinationTable": "Transactions.instrument", "value": 54}
TAG = {"destinationTable": "TransactionKeyValue", "key": "Tag", "value": "test"}
GIVEN: dict[str, Any] = {"submitter": "10", "project": "1234", "instrument": "54"}


def file_of(tmp_path: Path, document: object) -> Path:
    path = tmp_path / "metadata.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return path


def entries(template: Path | None = None, **options: Any) -> list[dict[str, Any]]:
    return Transaction(template=template, **options).entries()


def test_options_make_entries_with_the_types_of_the_catalog():
    assert entries(**GIVEN, pairs=[("Tag", "test")]) == [SUBMITTER, PROJECT, INSTRUMENT, TAG]


def test_a_file_holds_all_entries(tmp_path: Path):
    assert entries(file_of(tmp_path, [SUBMITTER, PROJECT, INSTRUMENT, TAG])) == [SUBMITTER, PROJECT, INSTRUMENT, TAG]


def test_options_complete_a_file(tmp_path: Path):
    assert entries(file_of(tmp_path, [SUBMITTER, TAG]), **GIVEN) == [SUBMITTER, TAG, PROJECT, INSTRUMENT]


def test_placeholders_are_replaced(tmp_path: Path):
    template = [
        {**SUBMITTER, "value": "${submitter}"},
        {**PROJECT, "value": "${project}"},
        {**INSTRUMENT, "value": "$instrument"},
        {"destinationTable": "TransactionKeyValue", "key": "Title", "value": "Run ${run} on ${instrument} for $$5"},
    ]
    made = entries(file_of(tmp_path, template), **GIVEN, placeholders={"run": "17"})
    assert made[:3] == [SUBMITTER, PROJECT, INSTRUMENT]
    assert made[3]["value"] == "Run 17 on 54 for $5"


def test_a_placeholder_without_a_value_is_named(tmp_path: Path):
    with pytest.raises(UsageError, match="placeholder sample"):
        entries(file_of(tmp_path, [{**TAG, "value": "${sample}"}]), **GIVEN)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("[not json", "cannot be read as JSON"),
        ({"project": "1"}, "list of objects"),
        (["text"], "list of objects"),
        ([{"destinationTable": "Files", "name": "x"}], "other than Files"),
        ([{**TAG, "value": "${"}], r"write \$\$"),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error(tmp_path: Path, document: object, words: str):
    with pytest.raises(MetadataUnusable, match=words):
        entries(file_of(tmp_path, document), **GIVEN)


def test_a_byte_order_mark_of_windows_is_accepted(tmp_path: Path):
    path = tmp_path / "metadata.json"
    path.write_text(json.dumps([TAG]), encoding="utf-8-sig")
    assert entries(path, **GIVEN)[0] == TAG


def test_a_file_that_contradicts_an_option_is_an_error(tmp_path: Path):
    with pytest.raises(UsageError, match="--project is 1234, but the file with the metadata says 99"):
        entries(file_of(tmp_path, [{**PROJECT, "value": "99"}]), **GIVEN)


def test_missing_values_are_named_together():
    with pytest.raises(UsageError, match="no project, no instrument; set --project, --instrument"):
        entries(submitter="10")
