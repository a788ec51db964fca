"""Checks a `Files` entry: each check returns a value that the service needs, or raises InvalidMetadata.

Called by `ingest.bundles.bundle_metadata`. `ingest.bundles.metadata_document` has already checked the entry's texts and
numbers.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from ingest.bundles.metadata_document import Entry
from ingest.bundles.names import CONTROLS, DATA_FOLDER, LONGEST_COMPONENT, LONGEST_PATH, is_too_long, relative_path
from ingest.errors.fault_codes import FaultCode
from ingest.errors.fault_list import FaultList
from ingest.errors.types import InvalidMetadata
from ingest.system.sanitize import quote_name

# Hexadecimal digits of each hash type: the members of `hashlib.algorithms_guaranteed` with a fixed length, which the real
# metadata service accepts (docs/how-to/upgrade.md explains why no others).
HASH_LENGTHS = {
    **{"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128},
    **{"sha3_224": 56, "sha3_256": 64, "sha3_384": 96, "sha3_512": 128, "blake2b": 128, "blake2s": 64},
}
HASHES = {name: re.compile(f"(?:{name}:)?([0-9a-f]{{{length}}})") for name, length in HASH_LENGTHS.items()}
SIZE = re.compile(r"[0-9]{1,18}", re.ASCII)
# Up to this limit, double precision represents every whole number exactly.
LARGEST_EXACT = 2**53 - 1
# Seconds since 1970, from the year 1 to the year 9999.
EARLIEST, LATEST = -62_135_596_800, 253_402_300_799
TIMES = ("mtime", "ctime")


@dataclass(frozen=True)
class DeclaredFile:
    """A file as the metadata declares it; `position` is the index of its entry in the list, `size` is in bytes.

    A faulty entry has only a path, so that its member is not reported as unlisted.
    """

    position: int
    path: str
    size: int | None
    hash_type: str
    hash_sum: str
    source: str | None


def declared_file(
    position: int, entry: Entry, faults: FaultList, *, is_move: bool, below_data: bool
) -> DeclaredFile | None:
    """Return the file that an entry declares, None if it has no path; add all faults of the entry to `faults`.

    Args:
        position: The entry's index in the list.
        entry: The entry.
        faults: The faults of the document.
        is_move: Whether the entry must name the file's source.
        below_data: Whether `subdir` is a path below `data/` even if it begins with a folder of that name.
    """
    path = None
    try:
        path = path_of(entry, below_data)
        hash_type, hash_sum = hash_of(entry)
        source = source_of(entry) if is_move else None
        check_forms(entry)
        return DeclaredFile(position, path, size_of(entry), hash_type, hash_sum, source)
    except InvalidMetadata:
        _find_all(position, entry, faults, is_move=is_move, below_data=below_data)
        return DeclaredFile(position, path, None, "", "", None) if path else None


def _find_all(position: int, entry: Entry, faults: FaultList, *, is_move: bool, below_data: bool) -> None:
    """Add all faults of an entry to the list."""
    checks: list[Callable[[Entry], object]] = [lambda checked: path_of(checked, below_data), size_of, hash_of]
    for check in [*checks, check_forms, *([source_of] if is_move else [])]:
        try:
            check(entry)
        except InvalidMetadata as error:
            faults.take(error, f"entry {position} ({quote_name(str(entry.get('name')))}): ")


def path_of(entry: Entry, below_data: bool) -> str:
    """Return the path below `data/` that `subdir` and `name` form."""
    name, subdir = entry.get("name"), entry.get("subdir", "")
    if not isinstance(name, str) or not isinstance(subdir, str) or not name:
        raise InvalidMetadata('"name" and "subdir" must be texts', FaultCode.PATH_MALFORMED)
    if CONTROLS.search(name) or CONTROLS.search(subdir):
        raise InvalidMetadata('"name" or "subdir" contains a control character', FaultCode.PATH_HOLDS_CONTROLS)
    path = relative_path(DATA_FOLDER, subdir, name) if below_data else relative_path(subdir, name)
    if path is None:
        raise InvalidMetadata('"subdir" and "name" do not make a path below data/', FaultCode.PATH_OUTSIDE_DATA)
    if is_too_long(path):
        sentence = f"its path has more than {LONGEST_PATH} bytes, or {LONGEST_COMPONENT} characters between two slashes"
        raise InvalidMetadata(sentence, FaultCode.PATH_TOO_LONG)
    return path


def whole_number(value: object) -> object:
    """Return a whole number with an exponent or a fraction (`1e+05`) as an integer, any other value unchanged."""
    if type(value) is float and value.is_integer() and abs(value) <= LARGEST_EXACT:
        return int(value)
    return value


def size_of(entry: Entry) -> int:
    """Return the size in bytes, which may be written as a whole number or as the text of its digits."""
    size = whole_number(entry.get("size"))
    if isinstance(size, bool) or not SIZE.fullmatch(str(size)):
        raise InvalidMetadata('"size" must be the number of bytes, with up to 18 digits', FaultCode.SIZE_MALFORMED)
    return int(str(size))


def hash_of(entry: Entry) -> tuple[str, str]:
    """Return the type and the hexadecimal digits of the hash, both in lower case."""
    hash_type, hash_sum = str(entry.get("hashtype")).lower(), str(entry.get("hashsum")).lower()
    if hash_type not in HASHES:
        raise InvalidMetadata(f'"hashtype" must be one of {", ".join(HASHES)}', FaultCode.HASH_TYPE_UNKNOWN)
    found = HASHES[hash_type].fullmatch(hash_sum)
    if not found:
        sentence = f'"hashsum" must be the {HASH_LENGTHS[hash_type]} hexadecimal digits of its {hash_type}'
        raise InvalidMetadata(sentence, FaultCode.HASH_MALFORMED)
    return hash_type, found[1]


def check_forms(entry: Entry) -> None:
    """Check the values that are only passed on: the real metadata service requires all of them, the built-in one none."""
    if not isinstance(entry.get("mimetype", ""), str):
        sentence = '"mimetype" must be a text; if the type is not known, application/octet-stream'
        raise InvalidMetadata(sentence, FaultCode.VALUE_MALFORMED)
    for key in TIMES:
        time = whole_number(entry.get(key, ""))
        if not isinstance(time, str) and not (type(time) is int and EARLIEST <= time <= LATEST):
            sentence = f'"{key}" must be a text, or whole seconds since 1970 up to the year 9999'
            raise InvalidMetadata(sentence, FaultCode.VALUE_MALFORMED)


def source_of(entry: Entry) -> str:
    """Return the absolute path of the file to move."""
    source = entry.get("source")
    if not isinstance(source, str) or not source.startswith("/") or len(source.encode()) > LONGEST_PATH:
        sentence = f'"source" must be the absolute path of the file, with up to {LONGEST_PATH} bytes'
        raise InvalidMetadata(sentence, FaultCode.SOURCE_MALFORMED)
    return source
