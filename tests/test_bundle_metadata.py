"""metadata.txt and move documents: what is taken, every fault that is named, and what policy and the catalogue get."""

import hashlib
import io
import json
import tracemalloc
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from ingest.bundle_metadata import (
    DEEPEST,
    HASH_LENGTHS,
    ArchivedAs,
    DeclaredFile,
    Entry,
    MetadataReader,
    completed,
    entries,
)
from ingest.errors import InvalidMetadata
from ingest.states import Kind
from tests.bundles import CONTENTS, file_entry, metadata_of, transaction

JOB = 77
ONE = b"one\n"
SHA1 = hashlib.sha1(ONE).hexdigest()
X = '{"destinationTable": "x"}'


def encoded(document: object) -> io.BytesIO:
    return io.BytesIO(json.dumps(document).encode())


def parsed(document: bytes | str) -> list[Entry]:
    return list(entries(io.BytesIO(document.encode() if isinstance(document, str) else document)))


def reader_of(*listed: Entry, kind: Kind = Kind.INGEST) -> MetadataReader:
    return MetadataReader(encoded(listed), kind, JOB)


def declared(*listed: Entry, kind: Kind = Kind.INGEST) -> list[DeclaredFile]:
    """The files of a document that has no faults."""
    reader = reader_of(*listed, kind=kind)
    found = list(reader.files())
    reader.faults.raise_as(InvalidMetadata)
    return found


def fault_of(*listed: Entry, kind: Kind = Kind.INGEST) -> str:
    """The text of the faults of a document that has some."""
    reader = reader_of(*listed, kind=kind)
    for _ in reader.files():
        pass
    with pytest.raises(InvalidMetadata) as raised:
        reader.faults.raise_as(InvalidMetadata)
    return raised.value.text


def without(key: str) -> Entry:
    entry = file_entry("data/a/one.txt", ONE)
    del entry[key]
    return entry


def with_file_id(file_id: int, position: int = 0, hash_sum: str = SHA1, path: str = "a/one.txt") -> ArchivedAs:
    return ArchivedAs(position, path, file_id, "sha1", hash_sum)


def complete(listed: list[Entry], files: Iterable[ArchivedAs] = (), *, for_catalogue: bool = True) -> list[Entry]:
    return list(completed(encoded(listed), JOB, files, for_catalogue=for_catalogue))


# The document


@pytest.mark.parametrize("document", ["[]", " [ ] ", "[]\n", "\n\t[\r\n]\n"])
def test_empty_list_has_no_entries(document: str):
    assert parsed(document) == []


def test_entries_come_in_order_and_as_they_are():
    listed: list[Entry] = [
        {"destinationTable": "Transactions.project", "value": "日本 \U0001f600 é"},
        {"destinationTable": "x", "value": {"deep": [1, 2.5, -3, True, False, None, {"a": []}]}, "other": ""},
        {"destinationTable": "x", "value": 2**63 - 1},
    ]
    assert parsed(json.dumps(listed)) == listed
    assert parsed(json.dumps(listed, ensure_ascii=False)) == listed


def test_numbers_are_plain_so_that_they_can_be_sent_on():
    (entry,) = parsed('[{"destinationTable": "x", "a": 1, "b": 0.1, "c": 1e3}]')
    assert [(type(value), value) for value in list(entry.values())[1:]] == [(int, 1), (float, 0.1), (float, 1000.0)]


@pytest.mark.parametrize(
    "document", ["{}", '"text"', "5", "null", "true", '{"destinationTable": "x"}', f'{{"a": [{X}]}}']
)
def test_document_that_is_no_list_is_refused(document: str):
    with pytest.raises(InvalidMetadata, match=r"^metadata\.txt must be a JSON list of objects \[metadata_not_list\]$"):
        parsed(document)


@pytest.mark.parametrize("entry", ["1", "null", '"destinationTable"', "[]", f"[{X}]", "true", "1.5"])
@pytest.mark.parametrize("index", [0, 1, 2])
def test_entry_that_is_no_object_is_named(entry: str, index: int):
    document = "[" + ", ".join([X] * index + [entry]) + "]"
    with pytest.raises(InvalidMetadata, match=rf"^entry {index} of .* must be an object with .* \[entry_malformed\]$"):
        parsed(document)


@pytest.mark.parametrize(
    "entry",
    [
        "{}",
        '{"destinationtable": "Files"}',
        '{"destinationTable": null}',
        '{"destinationTable": 5}',
        '{"destinationTable": ["Files"]}',
        '{"destinationTable": {"Files": 1}}',
        '{"destinationTable": true}',
    ],
)
def test_entry_without_a_table_is_named(entry: str):
    with pytest.raises(InvalidMetadata, match=r"^entry 1 of .* must be an object with .* \[entry_malformed\]$"):
        parsed(f"[{X}, {entry}]")


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"   ",
        b"\x00",
        b"not json",
        f"[{X}] x".encode(),
        f"[{X}]]".encode(),
        f"[{X}][{X}]".encode(),
        f"[{X}]\0".encode(),
        f"[{X},]".encode(),
        f"[{X} {X}]".encode(),
        f"[{X}".encode(),
        b"[",
        b"[{",
        b'[{"destinationTable": "x',
        b"[{'destinationTable': 'x'}]",
        b'[{destinationTable: "x"}]',
        b"[// comment\n]",
        b'[{"destinationTable": "x", "value": NaN}]',
        b'[{"destinationTable": "x", "value": Infinity}]',
        b'[{"destinationTable": "x", "value": -Infinity}]',
        b'[{"destinationTable": "x", "value": 1e999}]',
        b'[{"destinationTable": "x", "value": 01}]',
        b'[{"destinationTable": "x", "value": "a\nb"}]',
        b'[{"destinationTable": "x", "value": "\xff"}]',
        b'[{"destinationTable": "x", "value": "\xed\xa0\x80"}]',
        b"\xef\xbb\xbf[]",
        "[]".encode("utf-16"),
        "[]".encode("utf-32"),
    ],
)
def test_document_that_is_no_json_is_refused_in_one_line(document: bytes):
    with pytest.raises(InvalidMetadata, match=r"^metadata\.txt is no valid JSON: ") as raised:
        parsed(document)
    assert "\n" not in raised.value.text
    assert len(raised.value.text) < 500


def test_document_that_is_cut_anywhere_is_refused():
    document = json.dumps(metadata_of(CONTENTS)).encode()
    taken = []
    for cut in range(len(document)):
        try:
            parsed(document[:cut])
        except InvalidMetadata:
            continue
        taken.append(cut)
    assert taken == []


def test_fault_far_down_in_a_large_document_is_found():
    document = "[" + f"{X}, " * 20_000 + "nonsense]"
    with pytest.raises(InvalidMetadata, match="no valid JSON"):
        parsed(document)


def nested(depth: int) -> str:
    """A document that is so deep in all: its list, its entry, and the lists in the entry."""
    return f'[{{"destinationTable": "x", "value": {"[" * (depth - 2)}{"]" * (depth - 2)}}}]'


def test_document_may_be_as_deep_as_the_limit():
    assert json.dumps(parsed(nested(DEEPEST))) == nested(DEEPEST)


@pytest.mark.parametrize("depth", [DEEPEST + 1, 100_000])
def test_document_that_is_deeper_is_refused(depth: int):
    with pytest.raises(InvalidMetadata, match="it is nested more than 64 deep"):
        parsed(nested(depth))


def test_integer_that_the_parser_cannot_hold_is_refused_and_never_changed():
    with pytest.raises(InvalidMetadata, match="integer overflow"):
        parsed(f'[{{"destinationTable": "x", "value": {2**64}}}]')


# Files


def test_files_are_declared_with_their_position_among_all_entries():
    files = declared(*metadata_of(CONTENTS))
    assert [(file.position, file.path, file.size) for file in files] == [
        (4, "a/b/one.txt", 4),
        (5, "a/c/two.bin", 76_800),
        (6, "日本.txt", 0),
    ]
    assert files[0] == DeclaredFile(4, "a/b/one.txt", 4, "sha1", SHA1, None)


@pytest.mark.parametrize("subdir", ["data/a/b", "data/a/b/", "data//a/b", "./data/a/b", "a/b", "/a/b/"])
def test_every_way_to_write_a_folder_gives_one_path(subdir: str):
    assert declared(file_entry("data/x", ONE, subdir=subdir, name="c"))[0].path == "a/b/c"


@pytest.mark.parametrize("entry", [without("subdir"), file_entry("one.txt", ONE), file_entry("data/one.txt", ONE)])
def test_file_without_a_folder_lies_in_data(entry: Entry):
    assert declared(entry)[0].path == "one.txt"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": ""}, '"name" and "subdir" must be texts'),
        ({"name": None}, '"name" and "subdir" must be texts'),
        ({"name": 5}, '"name" and "subdir" must be texts'),
        ({"name": ["one.txt"]}, '"name" and "subdir" must be texts'),
        ({"subdir": None}, '"name" and "subdir" must be texts'),
        ({"subdir": 5}, '"name" and "subdir" must be texts'),
        ({"name": ".."}, "do not make a path below data/"),
        ({"subdir": "data/.."}, "do not make a path below data/"),
        ({"subdir": "../data"}, "do not make a path below data/"),
        ({"name": "a/../../b"}, "do not make a path below data/"),
        ({"name": "a\x00b"}, "do not make a path below data/"),
        ({"subdir": "data", "name": "/"}, "do not make a path below data/"),
        ({"subdir": "", "name": "data"}, "do not make a path below data/"),
        ({"size": None}, '"size" must be the number of its bytes'),
        ({"size": -1}, '"size" must be the number of its bytes'),
        ({"size": 4.0}, '"size" must be the number of its bytes'),
        ({"size": 4.5}, '"size" must be the number of its bytes'),
        ({"size": True}, '"size" must be the number of its bytes'),
        ({"size": ""}, '"size" must be the number of its bytes'),
        ({"size": "4 "}, '"size" must be the number of its bytes'),
        ({"size": "4\n"}, '"size" must be the number of its bytes'),
        ({"size": "+4"}, '"size" must be the number of its bytes'),
        ({"size": "0x4"}, '"size" must be the number of its bytes'),
        ({"size": "4kB"}, '"size" must be the number of its bytes'),
        ({"size": "٤"}, '"size" must be the number of its bytes'),
        ({"size": [4]}, '"size" must be the number of its bytes'),
        ({"size": 10**18}, '"size" must be the number of its bytes'),
        ({"size": "1" + "0" * 5000}, '"size" must be the number of its bytes'),
        ({"hashtype": None}, '"hashtype" must be one of md5, sha1, sha224, sha256, sha384, sha512'),
        ({"hashtype": 1}, '"hashtype" must be one of'),
        ({"hashtype": ""}, '"hashtype" must be one of'),
        ({"hashtype": "sha-1"}, '"hashtype" must be one of'),
        ({"hashtype": "crc32"}, '"hashtype" must be one of'),
        ({"hashtype": "md5"}, '"hashsum" must be the 32 hexadecimal digits of its md5'),
        ({"hashsum": None}, '"hashsum" must be the 40 hexadecimal digits of its sha1'),
        ({"hashsum": ""}, '"hashsum" must be the 40 hexadecimal digits of its sha1'),
        ({"hashsum": "sha1:"}, '"hashsum" must be the 40 hexadecimal digits of its sha1'),
        ({"hashsum": SHA1[:-1]}, '"hashsum" must be the 40 hexadecimal digits of its sha1'),
        ({"hashsum": SHA1 + "0"}, '"hashsum" must be the 40 hexadecimal digits of its sha1'),
        ({"hashsum": SHA1[:-1] + "g"}, '"hashsum" must be the 40 hexadecimal digits of its sha1'),
        ({"hashsum": SHA1 + "\n"}, '"hashsum" must be the 40 hexadecimal digits of its sha1'),
        ({"hashsum": f"md5:{SHA1}"}, '"hashsum" must be the 40 hexadecimal digits of its sha1'),
        ({"hashsum": f"sha1:sha1:{SHA1}"}, '"hashsum" must be the 40 hexadecimal digits of its sha1'),
        ({"hashsum": 5}, '"hashsum" must be the 40 hexadecimal digits of its sha1'),
    ],
)
def test_wrong_value_of_a_file_is_named(changes: Entry, reason: str):
    entry = file_entry("data/a/one.txt", ONE, **changes)
    text = fault_of({"destinationTable": "x"}, entry)
    assert text.startswith("entry 1 (")
    assert reason in text


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("name", '"name" and "subdir" must be texts'),
        ("size", '"size" must be the number of its bytes'),
        ("hashtype", '"hashtype" must be one of'),
        ("hashsum", '"hashsum" must be the 40 hexadecimal digits'),
    ],
)
def test_missing_value_of_a_file_is_named(key: str, reason: str):
    text = fault_of(without(key))
    assert text.startswith("entry 0 (")
    assert reason in text


@pytest.mark.parametrize("size", [4, "4", "0004"])
def test_size_may_be_a_number_or_its_digits(size: object):
    assert declared(file_entry("data/a", ONE, size=size))[0].size == 4


def test_largest_size_has_eighteen_digits():
    assert declared(file_entry("data/a", ONE, size=10**18 - 1))[0].size == 10**18 - 1


@pytest.mark.parametrize("hash_type", HASH_LENGTHS)
@pytest.mark.parametrize("form", ["{sum}", "{type}:{sum}"])
@pytest.mark.parametrize("upper", [False, True])
def test_every_hash_is_normalised(hash_type: str, form: str, upper: bool):
    hash_sum = hashlib.new(hash_type, ONE).hexdigest()
    given = form.format(type=hash_type, sum=hash_sum)
    entry = file_entry(
        "data/a",
        ONE,
        hashtype=hash_type.upper() if upper else hash_type,
        hashsum=given.upper() if upper else given,
    )
    (file,) = declared(entry)
    assert (file.hash_type, file.hash_sum) == (hash_type, hash_sum)


def test_hash_lengths_are_those_of_the_hashes():
    assert {name: len(hashlib.new(name).hexdigest()) for name in HASH_LENGTHS} == HASH_LENGTHS


def test_all_wrong_files_are_listed_and_right_ones_are_given():
    reader = reader_of(
        file_entry("data/a", ONE, size=-1),
        file_entry("data/b", ONE),
        file_entry("data/c", ONE, hashtype="?"),
    )
    assert [file.path for file in reader.files()] == ["b"]
    with pytest.raises(InvalidMetadata, match=r"^entry 0 \('a'\): \"size\" .*; entry 2 \('c'\): \"hashtype\" "):
        reader.faults.raise_as(InvalidMetadata)


def test_name_with_control_characters_is_escaped_in_the_fault():
    assert r"'a\x1b[31m\nb'" in fault_of(file_entry("data/a", ONE, name="a\x1b[31m\nb", size=-1))


# Moves


def test_move_names_its_source():
    entry = file_entry("data/a/one.txt", ONE, source="/srv/instrument/日本 one.txt")
    assert declared(entry, kind=Kind.MOVE)[0].source == "/srv/instrument/日本 one.txt"


@pytest.mark.parametrize(
    "source", [None, "", 5, ["/srv/a"], "srv/a", "./a", "../a", "~/a", "file:///srv/a", "/srv/a\x00b"]
)
def test_wrong_source_of_a_move_is_named(source: object):
    text = fault_of(file_entry("data/a", ONE, source=source), kind=Kind.MOVE)
    assert text == "entry 0 ('a'): \"source\" must be the absolute path that the file lies at [source_malformed]"


def test_missing_source_of_a_move_is_named():
    assert '"source" must be the absolute path' in fault_of(file_entry("data/a", ONE), kind=Kind.MOVE)


@pytest.mark.parametrize("source", ["/srv/a", None, 5])
def test_source_means_nothing_in_a_bundle(source: object):
    assert declared(file_entry("data/a", ONE, source=source))[0].source is None


# The transaction


def test_transaction_values_are_remembered():
    reader = reader_of(*transaction(), file_entry("data/a", ONE))
    assert len(list(reader.files())) == 1
    assert not reader.faults
    assert reader.transaction == {"submitter": 10, "project": "1234a", "instrument": 54}


def test_transaction_value_that_is_said_twice_alike_is_no_fault():
    assert declared(*transaction(), *transaction()) == []


@pytest.mark.parametrize("second", [11, "10", None, [10]])
def test_transaction_value_that_is_said_twice_differently_is_named(second: object):
    text = fault_of(*transaction(), {"destinationTable": "Transactions.submitter", "value": second})
    assert text == "entry 4: Transactions.submitter stands there twice with different values [entry_twice]"


def test_other_entries_may_be_said_as_often_as_one_likes():
    entry = {"destinationTable": "TransactionKeyValue", "key": "Tag", "value": 1}
    assert declared(entry, entry | {"value": 2}) == []


@pytest.mark.parametrize("value", [JOB + 1, 0, -1, None, "", "x", True, [JOB], f" {JOB}"])
def test_transaction_id_of_the_uploader_is_named(value: object):
    text = fault_of({"destinationTable": "Transactions._id", "value": value})
    assert text == "entry 0: Transactions._id is given by the service; leave it out [transaction_id_given]"


@pytest.mark.parametrize("value", [JOB, str(JOB)])
def test_transaction_id_that_is_the_jobs_is_no_fault(value: object):
    assert declared({"destinationTable": "Transactions._id", "value": value}) == []


# What policy and the catalogue get


@pytest.mark.parametrize("for_catalogue", [True, False])
def test_transaction_id_is_added_once_at_the_end(for_catalogue: bool):
    listed: list[Entry] = [{"destinationTable": "Transactions._id", "value": JOB}, *transaction()]
    listed.append({"destinationTable": "Transactions._id", "value": str(JOB)})
    given = complete(listed, for_catalogue=for_catalogue)
    assert given == [*transaction(), {"destinationTable": "Transactions._id", "value": JOB}]


def test_document_without_entries_becomes_the_transaction_alone():
    assert complete([]) == [{"destinationTable": "Transactions._id", "value": JOB}]


@pytest.mark.parametrize("for_catalogue", [True, False])
def test_files_get_their_ids_and_normalised_hashes(for_catalogue: bool):
    entry = file_entry("data/a/one.txt", ONE, hashtype="SHA1", hashsum=f"SHA1:{SHA1.upper()}")
    given = complete([entry], [with_file_id(501)], for_catalogue=for_catalogue)[0]
    assert (given["_id"], given["hashtype"], given["hashsum"]) == (501, "sha1", SHA1)


def test_id_of_the_uploader_is_replaced():
    given = complete([file_entry("data/a", ONE, _id=1)], [with_file_id(501)])
    assert given[0]["_id"] == 501


@pytest.mark.parametrize(
    ("subdir", "cut"),
    [
        ("data/a/b", "a/b"),
        ("data/a/b/", "a/b"),
        ("data//a/b", "a/b"),
        ("a/b", "a/b"),
        ("data", ""),
        ("data/", ""),
        ("", ""),
        ("data/data", "data"),
        ("data/日本", "日本"),
        ("database/a", "database/a"),
    ],
)
def test_data_is_cut_from_the_folder_for_the_catalogue_only(subdir: str, cut: str):
    listed = [file_entry("data/x", ONE, subdir=subdir)]
    [declared] = MetadataReader(encoded(listed), Kind.INGEST, JOB).files()
    assert declared.path == f"{cut}/x".removeprefix("/")
    files = [with_file_id(1, path=declared.path)]
    assert complete(listed, files, for_catalogue=True)[0]["subdir"] == cut
    assert complete(listed, files, for_catalogue=False)[0]["subdir"] == subdir


@pytest.mark.parametrize("subdir", ["data", "data/", "data/a", "data/data", "other"])
def test_folder_below_data_may_be_called_data_itself(subdir: str):
    listed = [file_entry("data/x", ONE, subdir=subdir)]
    [declared] = MetadataReader(encoded(listed), Kind.INGEST, JOB, below_data=True).files()
    folder = subdir.rstrip("/")
    assert declared.path == f"{folder}/x"
    assert complete(listed, [with_file_id(1, path=declared.path)])[0]["subdir"] == folder


@pytest.mark.parametrize(
    ("subdir", "name", "folder"), [("data/a", "b/x", "a"), ("", "b/x", ""), ("", "data/x", ""), ("data", "./x", "")]
)
def test_name_may_hold_folders_itself(subdir: str, name: str, folder: str):
    listed = [file_entry("data/x", ONE, subdir=subdir, name=name)]
    [declared] = MetadataReader(encoded(listed), Kind.INGEST, JOB).files()
    given = complete(listed, [with_file_id(1, path=declared.path)])[0]
    assert (given["subdir"], given["name"]) == (folder, name)


def test_file_without_a_folder_gets_an_empty_one_for_the_catalogue_only():
    listed, files = [without("subdir")], [with_file_id(1, path="one.txt")]
    assert complete(listed, files, for_catalogue=True)[0]["subdir"] == ""
    assert "subdir" not in complete(listed, files, for_catalogue=False)[0]


@pytest.mark.parametrize("for_catalogue", [True, False])
def test_order_and_all_other_keys_are_kept(for_catalogue: bool):
    extra: dict[str, Any] = {"own": {"deep": [1, None, "é"]}, "source": "/srv/a", "encoding": "UTF8", "value": 0.1}
    listed: list[Entry] = [
        file_entry("data/z", b"z", **extra),
        {"destinationTable": "TransactionKeyValue", "key": "Tag", "value": "first", "subdir": "data/kept"},
        file_entry("data/a", b"a"),
        {"destinationTable": "Transactions.project", "value": "1234a"},
        {"destinationTable": "", "value": 1},
    ]
    files = [with_file_id(8, 0, "8" * 40, "z"), with_file_id(9, 2, "9" * 40, "a")]
    given = complete(listed, files, for_catalogue=for_catalogue)
    changes = [{"_id": 8, "hashsum": "8" * 40}, {}, {"_id": 9, "hashsum": "9" * 40}, {}, {}]
    folder = {"subdir": ""} if for_catalogue else {}
    expected = [entry | change | (folder if change else {}) for entry, change in zip(listed, changes, strict=True)]
    assert given == [*expected, {"destinationTable": "Transactions._id", "value": JOB}]


def test_completing_a_document_again_gives_the_same():
    listed = metadata_of(CONTENTS)
    files = [with_file_id(number, number, path=path[5:]) for number, path in enumerate(CONTENTS, 4)]
    first = complete(listed, files)
    assert complete(first, files) == first


def test_completing_a_broken_document_is_refused():
    with pytest.raises(InvalidMetadata):
        list(completed(io.BytesIO(b"[{}]"), JOB, [], for_catalogue=True))


# Memory

MANY = 50_000


@pytest.fixture(scope="module")
def large_document() -> bytes:
    entry = json.dumps({"destinationTable": "Files", "name": "one.txt", "size": 4, "hashtype": "sha1", "hashsum": SHA1})
    return f"[{', '.join([entry] * MANY)}]".encode()


def test_memory_stays_flat_while_files_are_read(large_document: bytes):
    document = io.BytesIO(large_document)
    tracemalloc.start()
    try:
        count = sum(1 for _ in MetadataReader(document, Kind.INGEST, JOB).files())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == MANY
    assert peak < 5_000_000


def test_memory_stays_flat_while_a_document_is_completed(large_document: bytes):
    document = io.BytesIO(large_document)

    def files() -> Iterator[ArchivedAs]:
        for number in range(MANY):
            yield with_file_id(number, number)

    tracemalloc.start()
    try:
        count = sum(1 for _ in completed(document, JOB, files(), for_catalogue=True))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == MANY + 1
    assert peak < 5_000_000
