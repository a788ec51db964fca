"""Numbers, keys and texts that policy or the catalog could not store unchanged."""

import json

from ingest.errors.fault_codes import FaultCode
from tests.corpus.case import Case
from tests.corpus.metadata_cases.builders import CONTENT, document, file_saying, refused
from tools.bundles import file_entry, transaction

UNLISTED = FaultCode.MEMBER_UNLISTED
LARGE, FINITE, TWICE, TEXT = (
    FaultCode.NUMBER_TOO_LARGE, FaultCode.NUMBER_NOT_FINITE, FaultCode.KEY_TWICE, FaultCode.TEXT_UNSTORABLE,
)  # fmt: skip


def saying(name: str, text: str, fault: FaultCode, says: str) -> Case:
    """Return a case with this text added to the fifth entry, that of the file."""
    return refused(name, file_saying(text), fault, UNLISTED, says=f"entry 4: {says}")


CASES: list[Case] = [
    saying("integer of 401 digits", f'"value": 1{"0" * 400}', LARGE, "the number '1000"),
    saying("integer of 5,001 digits", f'"value": -1{"0" * 5000}', LARGE, "the number '-1000"),
    saying("integer of 65 bits", f'"value": {2**63}', LARGE, "the number '9223372036854775808' has more than 64 bits"),
    saying("float beyond double precision", '"value": 1e999', LARGE, "the number '1e999' is too large for double"),
    saying("NaN", '"value": NaN', FINITE, "NaN is not a number in JSON"),
    saying("Infinity", '"value": [Infinity]', FINITE, "Infinity is not a number in JSON"),
    saying("-Infinity", '"value": {"a": -Infinity}', FINITE, "-Infinity is not a number in JSON"),
    saying("key twice", '"size": 2', TWICE, "the key 'size' is repeated"),
    saying("key twice with one value", '"size": 1', TWICE, "the key 'size' is repeated"),
    saying("key twice by an escape", r'"si\u007ae": 2', TWICE, "the key 'size' is repeated"),
    saying("key twice deep down", '"own": [{"a": {"b": 1, "b": 2}}]', TWICE, "the key 'b' is repeated"),
    saying("half of a surrogate pair", r'"value": "\ud800"', TEXT, r"the text '\ud800' contains NUL or half of"),
    saying("surrogate pair the wrong way round", r'"value": "\ude00\ud83d"', TEXT, r"the text '\ude00\ud83d' contains"),
    saying("NUL in a text", r'"value": ["a\u0000b"]', TEXT, r"the text 'a\x00b' contains NUL"),
    saying("NUL in a key", r'"a\u0000b": 1', TEXT, r"the text 'a\x00b' contains NUL"),
    refused(
        "name with half of a surrogate pair",
        json.dumps([*transaction(), file_entry("data/a", CONTENT) | {"name": "\udcff"}]).encode(),
        TEXT,
        UNLISTED,
        says=r"entry 4: the text '\udcff' contains",
    ),
    refused(
        "transaction id",
        document(file_entry("data/a", CONTENT), {"destinationTable": "Transactions._id", "value": 1}),
        FaultCode.TRANSACTION_ID_GIVEN,
        says="entry 5: Transactions._id is assigned by the service; leave it out",
    ),
    refused(
        "file id of somebody else",
        document(
            file_entry("data/a", CONTENT), {"destinationTable": "FileKeyValue", "file_id": 1, "key": "k", "value": "v"}
        ),
        FaultCode.FILE_ID_GIVEN,
        says='entry 5 (FileKeyValue): "file_id" is set by the service; name the file by its path in the bundle instead',
    ),
    refused(
        "value of a file that is not listed",
        document(
            file_entry("data/a", CONTENT),
            {"destinationTable": "FileKeyValue", "path": "data/b", "key": "k", "value": "v"},
        ),
        FaultCode.PATH_UNLISTED,
        says="entry 5 (FileKeyValue): no Files entry lists 'data/b'",
    ),
    refused(
        "two projects",
        document(file_entry("data/a", CONTENT), {"destinationTable": "Transactions.project", "value": "other"}),
        FaultCode.ENTRY_TWICE,
        says="entry 5: Transactions.project is repeated with a different value",
    ),
]
