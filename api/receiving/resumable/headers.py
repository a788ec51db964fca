"""Read the headers of resumable uploads that both protocols share. Used by `tus` and `draft` of this package."""

import re
from dataclasses import dataclass

from flask import request

from api.receiving.resumable.checksum import Checksum
from api.receiving.resumable.errors import UploadHeaderInvalid

# More digits than any size needs, and fewer than the database refuses.
NUMBER = re.compile("[0-9]{1,18}")
# Headers of other ways to send a part: without them, its bytes would be used for something else than the client means.
OF_OTHER_PROTOCOLS = ("Content-Range", "Upload-Concat")


@dataclass(frozen=True)
class Part:
    """What a request says about the bytes in its body.

    - `offset`: where they begin in the bundle, in bytes.
    - `length`: the size of the whole bundle in bytes, if the client knows it now.
    - `is_last`: whether the bundle ends with this body; None where it ends at its length, as with tus.
    - `checksums`: what the body is compared with.
    - `metadata`: what the client wants to read again with the offset.
    """

    offset: int = 0
    length: int | None = None
    is_last: bool | None = None
    checksums: tuple[Checksum, ...] = ()
    metadata: str | None = None

    @property
    def ends_at_length(self) -> bool:
        """Whether the bundle ends when its last byte has arrived; False if the client will say so in a later request."""
        return self.is_last is not False


def refuse_other_protocols() -> None:
    """Raise UploadHeaderInvalid when a header describes the body in an unsupported way."""
    for name in OF_OTHER_PROTOCOLS:
        if name in request.headers:
            raise UploadHeaderInvalid(f"{name} is not supported; send the parts of a bundle to one upload, in order")


def number(name: str) -> int | None:
    """Return a header that is a number of bytes, or None without the header; raises UploadHeaderInvalid."""
    value = request.headers.get(name)
    if value is None:
        return None
    if not (found := NUMBER.fullmatch(value.strip())):
        raise UploadHeaderInvalid(f"{name} must be a number of bytes in digits")
    # Not `int(value)`, which refuses some characters that `strip` removes.
    return int(found[0])


def required_number(name: str) -> int:
    """Return a header that is a number of bytes; raises UploadHeaderInvalid, also without the header."""
    value = number(name)
    if value is None:
        raise UploadHeaderInvalid(f"the header {name} is missing")
    return value
