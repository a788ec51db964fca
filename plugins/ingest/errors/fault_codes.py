"""The codes of single faults in an upload, which never change; docs/reference/errors.md explains each.

Used by the readers of bundles, metadata and sources. A rejected job has the code of its `Rejection` (`bundle_invalid`); each
fault in its text has one of these codes. The uploader must fix all of them.
"""

from dataclasses import dataclass
from enum import StrEnum

from ingest.system.sanitize import to_one_line


class FaultCode(StrEnum):
    """A kind of fault in an upload."""

    TAR_UNREADABLE = "tar_unreadable"
    TAR_COMPRESSED = "tar_compressed"
    TAR_CUT = "tar_cut"
    TAR_GOES_ON = "tar_goes_on"
    MEMBER_IS_LINK = "member_is_link"
    MEMBER_IS_SPARSE = "member_is_sparse"
    MEMBER_IS_SPECIAL = "member_is_special"
    MEMBER_OUTSIDE_DATA = "member_outside_data"
    MEMBER_TWICE = "member_twice"
    MEMBER_OF_MACOS = "member_of_macos"
    HEADER_BROKEN = "header_broken"
    HEADER_AMBIGUOUS = "header_ambiguous"
    EXTENSION_MALFORMED = "extension_malformed"
    EXTENSION_EXCESSIVE = "extension_excessive"

    METADATA_MISSING = "metadata_missing"
    METADATA_TWICE = "metadata_twice"
    METADATA_ENCODING = "metadata_encoding"
    METADATA_HAS_MARK = "metadata_has_mark"
    METADATA_NOT_JSON = "metadata_not_json"
    METADATA_CUT = "metadata_cut"
    METADATA_GOES_ON = "metadata_goes_on"
    METADATA_NOT_LIST = "metadata_not_list"
    METADATA_EMPTY = "metadata_empty"
    ENTRY_TOO_LONG = "entry_too_long"
    ENTRY_TOO_DEEP = "entry_too_deep"
    ENTRY_NOT_OBJECT = "entry_not_object"
    KEY_TWICE = "key_twice"
    NUMBER_NOT_FINITE = "number_not_finite"
    NUMBER_TOO_LARGE = "number_too_large"
    TEXT_UNSTORABLE = "text_unstorable"
    ENTRY_WITHOUT_TABLE = "entry_without_table"
    ENTRY_TWICE = "entry_twice"
    TRANSACTION_ID_GIVEN = "transaction_id_given"
    VALUE_MALFORMED = "value_malformed"
    PATH_MALFORMED = "path_malformed"
    PATH_NOT_UTF8 = "path_not_utf8"
    PATH_HOLDS_CONTROLS = "path_holds_controls"
    PATH_OUTSIDE_DATA = "path_outside_data"
    PATH_TOO_LONG = "path_too_long"
    PATH_AMBIGUOUS = "path_ambiguous"
    SIZE_MALFORMED = "size_malformed"
    HASH_TYPE_UNKNOWN = "hash_type_unknown"
    HASH_MALFORMED = "hash_malformed"
    FILE_ID_GIVEN = "file_id_given"
    PATH_UNLISTED = "path_unlisted"
    SOURCE_MALFORMED = "source_malformed"
    FILE_LISTED_TWICE = "file_listed_twice"
    SOURCE_LISTED_TWICE = "source_listed_twice"

    MEMBER_UNLISTED = "member_unlisted"
    FILE_LACKING = "file_lacking"
    SIZE_DIFFERS = "size_differs"
    HASH_DIFFERS = "hash_differs"

    SOURCE_NOT_ALLOWED = "source_not_allowed"
    SOURCE_REFUSED = "source_refused"
    SOURCE_OUTSIDE_FOLDERS = "source_outside_folders"
    SOURCE_UNREADABLE = "source_unreadable"
    SOURCE_NOT_REGULAR = "source_not_regular"
    SOURCE_CHANGED = "source_changed"
    SOURCE_IS_OURS = "source_is_ours"


@dataclass(frozen=True)
class Fault:
    """One fault of an upload: its code, None where only the error has one, and its sentence without the code."""

    code: FaultCode | None
    sentence: str

    def __str__(self) -> str:
        """Return the sentence with its code."""
        return with_code(self.sentence, self.code)

    def to_document(self, error_code: str) -> dict[str, str]:
        """Return the fault as JSON; it has the code of its error if it has none of its own."""
        return {"code": self.code or error_code, "text": to_one_line(self.sentence)}


def with_code(sentence: str, fault: FaultCode | None) -> str:
    """Return a sentence with its code, `<sentence> [<fault code>]`."""
    return f"{sentence} [{fault}]" if fault else sentence
