"""The codes of single faults in an upload, which never change; docs/errors.md explains each.

Raised by what reads bundles, metadata and sources. A rejected job has the code of its `Rejection` (`bundle_invalid`); each
fault in the text has one of these beneath it. Each is for the uploader to mend.
"""

from enum import StrEnum


class Fault(StrEnum):
    """What is wrong with one thing in an upload."""

    TAR_UNREADABLE = "tar_unreadable"
    TAR_COMPRESSED = "tar_compressed"
    TAR_CUT = "tar_cut"
    TAR_GOES_ON = "tar_goes_on"
    MEMBER_IS_LINK = "member_is_link"
    MEMBER_IS_SPARSE = "member_is_sparse"
    MEMBER_IS_SPECIAL = "member_is_special"
    MEMBER_OUTSIDE_DATA = "member_outside_data"
    MEMBER_TWICE = "member_twice"

    METADATA_MISSING = "metadata_missing"
    METADATA_TWICE = "metadata_twice"
    METADATA_NOT_JSON = "metadata_not_json"
    METADATA_NOT_LIST = "metadata_not_list"
    ENTRY_MALFORMED = "entry_malformed"
    ENTRY_TWICE = "entry_twice"
    TRANSACTION_ID_GIVEN = "transaction_id_given"
    PATH_MALFORMED = "path_malformed"
    SIZE_MALFORMED = "size_malformed"
    HASH_TYPE_UNKNOWN = "hash_type_unknown"
    HASH_MALFORMED = "hash_malformed"
    SOURCE_MALFORMED = "source_malformed"
    FILE_LISTED_TWICE = "file_listed_twice"

    MEMBER_UNLISTED = "member_unlisted"
    FILE_LACKING = "file_lacking"
    SIZE_DIFFERS = "size_differs"
    HASH_DIFFERS = "hash_differs"

    SOURCE_OUTSIDE_FOLDERS = "source_outside_folders"
    SOURCE_UNREADABLE = "source_unreadable"
    SOURCE_NOT_REGULAR = "source_not_regular"
    SOURCE_CHANGED = "source_changed"


def with_code(sentence: str, fault: Fault | None) -> str:
    """Give a sentence as it is shown in a text: `<sentence> [<fault code>]`."""
    return f"{sentence} [{fault}]" if fault else sentence
