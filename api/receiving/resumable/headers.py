"""Read the headers of resumable uploads that both protocols share. Used by `tus` and `draft` of this package."""

import re
from dataclasses import dataclass

from flask import request

from api.receiving.resumable.checksum import Checksum
from api.receiving.resumable.errors import UploadHeaderInvalid

# More digits than any size needs, and fewer than the database refuses.
NUMBER = re.compile("[0-9]{1,18}")


@dataclass(frozen=True)
class Part:
    """What a request says about the bytes in its body.

    - `offset`: where they begin in the bundle, in bytes.
    - `length`: the size of the whole bundle in bytes, if the client knows it now.
    - `is_last`: the bundle ends with this body.
    - `checksums`: what the body is compared with.
    """

    offset: int = 0
    length: int | None = None
    is_last: bool = False
    checksums: tuple[Checksum, ...] = ()


def number(name: str) -> int | None:
    """Return a header that is a number of bytes, or None without the header; raises UploadHeaderInvalid."""
    value = request.headers.get(name)
    if value is None:
        return None
    if not NUMBER.fullmatch(value.strip()):
        raise UploadHeaderInvalid(f"{name} must be a number of bytes in digits")
    return int(value)


def required_number(name: str) -> int:
    """Return a header that is a number of bytes; raises UploadHeaderInvalid, also without the header."""
    value = number(name)
    if value is None:
        raise UploadHeaderInvalid(f"the header {name} is missing")
    return value
