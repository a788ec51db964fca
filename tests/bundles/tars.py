"""Helpers for the tests of tars."""

import tarfile
from collections.abc import Callable

from ingest.bundles.bundle import Member
from tools.tar_blocks import END, file

FORMATS = [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT]
LONG_NAME_FORMATS = [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]
# More members than any test's tar has: stops a reader in an endless loop.
TOO_MANY = 10_000

Read = Callable[[bytes], list[Member]]
Contents = Callable[[bytes], dict[str | None, bytes]]


def special(kind: bytes, **fields: object) -> bytes:
    """Return a tar whose second member has this type."""
    info = tarfile.TarInfo("data/odd")
    info.type = kind
    for name, value in fields.items():
        setattr(info, name, value)
    return file("data/a") + info.tobuf(tarfile.PAX_FORMAT) + END


def paths(found: list[Member]) -> list[str | None]:
    return [member.path for member in found]
