"""`Files` entries of bundles and moves: accepted values, and the fault of every other value."""

import hashlib

import pytest

from ingest.bundles.bundle_metadata import DeclaredFile
from ingest.bundles.metadata_entries import HASH_LENGTHS
from ingest.errors.types import InvalidMetadata
from ingest.states.stages import Kind
from tests.bundles.metadata.documents import ONE, SHA1, Entry, codes, declared, fault_of, reader_of, without
from tools.bundles import CONTENTS, file_entry, metadata_of


def test_files_are_declared_with_their_position_among_all_entries():
    files = declared(*metadata_of(CONTENTS))
    assert [(file.position, file.path, file.size) for file in files] == [
        (4, "a/b/one.txt", 4),
        (5, "a/c/two.bin", 76_800),
        (6, "日本.txt", 0),
    ]
    assert files[0] == DeclaredFile(4, "a/b/one.txt", 4, "sha1", SHA1, None)


@pytest.mark.parametrize("subdir", ["data/a/b", "data/a/b/", "data//a/b", "./data/a/b", "a/b", "/a/b/"])
def test_every_spelling_of_a_folder_has_the_same_path(subdir: str):
    assert declared(file_entry("data/x", ONE, subdir=subdir, name="c"))[0].path == "a/b/c"


@pytest.mark.parametrize("entry", [without("subdir"), file_entry("one.txt", ONE), file_entry("data/one.txt", ONE)])
def test_file_without_a_folder_is_in_data(entry: Entry):
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
        ({"name": "a\x1f"}, '"name" or "subdir" contains a control character'),
        ({"name": "a\nb"}, '"name" or "subdir" contains a control character'),
        ({"subdir": "data/\x1b[31m"}, '"name" or "subdir" contains a control character'),
        ({"subdir": "data/\x7f"}, '"name" or "subdir" contains a control character'),
        ({"subdir": "\x85"}, '"name" or "subdir" contains a control character'),
        ({"name": "x" * 256}, "its path has more than 4095 bytes, or 255 characters between two slashes"),
        ({"name": "日" * 256}, "its path has more than 4095 bytes, or 255 characters between two slashes"),
        ({"subdir": "long/" * 820}, "its path has more than 4095 bytes, or 255 characters between two slashes"),
        ({"mimetype": None}, '"mimetype" must be a text; if the type is not known, application/octet-stream'),
        ({"mimetype": ["text/plain"]}, '"mimetype" must be a text'),
        ({"mtime": None}, '"mtime" must be a text, or whole seconds since 1970 up to the year 9999'),
        ({"mtime": 1.5}, '"mtime" must be a text, or whole seconds since 1970 up to the year 9999'),
        ({"mtime": 253_402_300_800}, '"mtime" must be a text, or whole seconds since 1970 up to the year 9999'),
        ({"mtime": -(2**62)}, '"mtime" must be a text, or whole seconds since 1970 up to the year 9999'),
        ({"ctime": True}, '"ctime" must be a text, or whole seconds since 1970 up to the year 9999'),
        ({"ctime": {}}, '"ctime" must be a text, or whole seconds since 1970 up to the year 9999'),
        ({"subdir": "data", "name": "/"}, "do not make a path below data/"),
        ({"subdir": "", "name": "data"}, "do not make a path below data/"),
        ({"size": None}, '"size" must be the number of bytes'),
        ({"size": -1}, '"size" must be the number of bytes'),
        ({"size": 2.0**53}, '"size" must be the number of bytes'),
        ({"size": -4.0}, '"size" must be the number of bytes'),
        ({"size": "1e+05"}, '"size" must be the number of bytes'),
        ({"size": 4.5}, '"size" must be the number of bytes'),
        ({"size": True}, '"size" must be the number of bytes'),
        ({"size": ""}, '"size" must be the number of bytes'),
        ({"size": "4 "}, '"size" must be the number of bytes'),
        ({"size": "4\n"}, '"size" must be the number of bytes'),
        ({"size": "+4"}, '"size" must be the number of bytes'),
        ({"size": "0x4"}, '"size" must be the number of bytes'),
        ({"size": "4kB"}, '"size" must be the number of bytes'),
        ({"size": "٤"}, '"size" must be the number of bytes'),
        ({"size": [4]}, '"size" must be the number of bytes'),
        ({"size": 10**18}, '"size" must be the number of bytes'),
        ({"size": "1" + "0" * 5000}, '"size" must be the number of bytes'),
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
        ("size", '"size" must be the number of bytes'),
        ("hashtype", '"hashtype" must be one of'),
        ("hashsum", '"hashsum" must be the 40 hexadecimal digits'),
    ],
)
def test_missing_value_of_a_file_is_named(key: str, reason: str):
    text = fault_of(without(key))
    assert text.startswith("entry 0 (")
    assert reason in text


@pytest.mark.parametrize("size", [4, "4", "0004", 4.0])
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


def test_every_hash_type_of_a_fixed_length_that_each_python_has_is_accepted():
    fixed = {name for name in hashlib.algorithms_guaranteed if hashlib.new(name).digest_size}
    assert set(HASH_LENGTHS) == fixed


def test_hash_lengths_are_those_of_the_hashes():
    assert {name: len(hashlib.new(name).hexdigest()) for name in HASH_LENGTHS} == HASH_LENGTHS


def test_all_wrong_files_are_listed_and_known_by_their_path_if_they_have_one():
    reader = reader_of(
        file_entry("data/a", ONE, size=-1),
        file_entry("data/b", ONE),
        file_entry("data/c", ONE, hashtype="?"),
    )
    assert [(file.path, file.size) for file in reader.files()] == [("a", None), ("b", 4), ("c", None)]
    with pytest.raises(InvalidMetadata, match=r"^entry 0 \('a'\): \"size\" .*; entry 2 \('c'\): \"hashtype\" "):
        reader.faults.raise_as(InvalidMetadata)


def test_all_faults_of_an_entry_are_listed():
    entry = file_entry("data/a", ONE, name=5, size="x", hashtype="x", mimetype=5, source="here")
    expected = ["path_malformed", "size_malformed", "hash_type_unknown", "value_malformed"]
    assert codes(fault_of(entry)) == expected
    assert codes(fault_of(entry, kind=Kind.MOVE)) == [*expected, "source_malformed"]


@pytest.mark.parametrize(
    "name", ["x" * 255, "日" * 255, "/".join(["x" * 204] * 19), " ", "\u202e", "a\u3000b", "...", "-rf"]
)
def test_long_and_unusual_names_are_accepted(name: str):
    assert declared(file_entry("data/a", ONE, name=name))[0].path == name


@pytest.mark.parametrize(
    "time", ["2026-11-23T10:00:00", "Tue Nov 29 14:09:05 PST 2016", 1480457345, 1.5e9, 253_402_300_799, -1, 0, ""]
)
def test_times_are_texts_or_seconds(time: object):
    assert declared(file_entry("data/a", ONE, mtime=time, ctime=time))


def test_values_that_only_the_catalog_needs_may_be_missing():
    listed = without("mimetype")
    del listed["mtime"], listed["ctime"]
    assert len(declared(listed)) == 1


def test_name_with_control_characters_is_escaped_in_the_fault():
    assert r"'a\x1b[31m\nb'" in fault_of(file_entry("data/a", ONE, name="a\x1b[31m\nb", size=-1))


# Moves


def test_move_names_its_source():
    entry = file_entry("data/a/one.txt", ONE, source="/srv/instrument/日本 one.txt")
    assert declared(entry, kind=Kind.MOVE)[0].source == "/srv/instrument/日本 one.txt"


@pytest.mark.parametrize(
    "source", [None, "", 5, ["/srv/a"], "srv/a", "./a", "../a", "~/a", "file:///srv/a", "/" + "x" * 4095]
)
def test_wrong_source_of_a_move_is_named(source: object):
    text = fault_of(file_entry("data/a", ONE, source=source), kind=Kind.MOVE)
    assert text.startswith("entry 0 ('a'): \"source\" must be the absolute path of the file, with up to 4095 bytes")
    assert codes(text) == ["source_malformed"]


def test_missing_source_of_a_move_is_named():
    assert '"source" must be the absolute path' in fault_of(file_entry("data/a", ONE), kind=Kind.MOVE)


@pytest.mark.parametrize("source", ["/srv/a", None, 5])
def test_source_is_ignored_in_a_bundle(source: object):
    assert declared(file_entry("data/a", ONE, source=source))[0].source is None
