r"""Recognizes members that macOS adds to a tar or a folder and that are not data; one fault reports all of them.

Called by `ingest.bundles.bundle` and `ingest.bundles.unmatched_names`. The tar of macOS writes a member `._<name>`
(AppleDouble) beside each file that has extended attributes; Finder writes `.DS_Store` and `Icon\r` into folders. If the
metadata lists such a file, it is accepted like any other.
"""

from ingest.errors.fault_codes import FaultCode
from ingest.errors.fault_list import FaultList, SharedFault

APPLE_DOUBLE = "._"
OF_FINDER = frozenset({".DS_Store", "Icon\r"})
SUBJECT = "macOS added members that are not data"
EXCLUDED = r"--exclude '._*' --exclude .DS_Store --exclude $'Icon\r'"
ADVICE = f"make the tar with COPYFILE_DISABLE=1 tar --no-mac-metadata {EXCLUDED}"


def is_of_macos(name: str) -> bool:
    """Return whether macOS uses this name for files that it adds."""
    last = name.rpartition("/")[2]
    return last.startswith(APPLE_DOUBLE) or last in OF_FINDER


def shared_fault() -> SharedFault:
    """Return a new fault that lists all such members."""
    return SharedFault(FaultCode.MEMBER_OF_MACOS, SUBJECT, ADVICE)


class MacosMembers:
    """The members of a tar that macOS added.

    If one of them is not accepted, one fault lists all of them, whether the metadata lists them or not, so that the
    uploader learns of every such member in one try.
    """

    def __init__(self, faults: FaultList) -> None:
        self._faults = faults
        self._shared = shared_fault()
        self._is_fault = False

    def add(self, shown: str, *, refused: bool) -> None:
        """Add a member by its quoted name; `refused` if it is not accepted."""
        self._shared.add(shown)
        if refused and not self._is_fault:
            self._is_fault = True
            self._faults.add_shared(self._shared)
