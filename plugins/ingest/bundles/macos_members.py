r"""Members that macOS adds to a tar or to a folder, and that are no data: all of them are one fault.

Called by `ingest.bundles.bundle` and `ingest.bundles.unmatched_names`. The tar of macOS writes a member `._<name>`
(AppleDouble) beside each file that has extended attributes; Finder writes `.DS_Store` and `Icon\r` into folders. Where the
metadata lists such a file, it is a file like any other.
"""

from ingest.errors.fault_codes import FaultCode
from ingest.errors.fault_list import FaultList, SharedFault

APPLE_DOUBLE = "._"
OF_FINDER = frozenset({".DS_Store", "Icon\r"})
BEGINNING = "macOS added members that are no data"
EXCLUDED = r"--exclude '._*' --exclude .DS_Store --exclude $'Icon\r'"
ADVICE = f"make the tar with COPYFILE_DISABLE=1 tar --no-mac-metadata {EXCLUDED}"


def is_of_macos(name: str) -> bool:
    """Whether macOS gives this name to what it adds."""
    last = name.rpartition("/")[2]
    return last.startswith(APPLE_DOUBLE) or last in OF_FINDER


def shared_fault() -> SharedFault:
    """Make the fault that lists all such members."""
    return SharedFault(FaultCode.MEMBER_OF_MACOS, BEGINNING, ADVICE)


class MacosMembers:
    """The members of a tar that macOS added.

    They are a fault as soon as one of them cannot be taken, whatever the metadata lists. All are listed then, so that the
    uploader need not come back for those that the metadata does not list.
    """

    def __init__(self, faults: FaultList) -> None:
        self._faults = faults
        self._shared = shared_fault()
        self._is_fault = False

    def add(self, shown: str, *, refused: bool) -> None:
        """Add a member by its shown name; `refused` where it cannot be taken."""
        self._shared.add(shown)
        if refused and not self._is_fault:
            self._is_fault = True
            self._faults.add_shared(self._shared)
