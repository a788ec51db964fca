"""Check the headers that describe the content of a body: a whole file, not encoded, of an accepted type.

Called by `api.receiving.body`, `api.routes.bundles` and `api.routes.uploads`.
"""

import re
from typing import BinaryIO

from flask import request

from api.receiving.upload_errors import PartNotTaken, UnsupportedContentEncoding, UnsupportedContentType

MULTIPART = "multipart/"
# Headers that mark a part of a body (RFC 9110, 14.4; the drafts and protocols of resumable uploads), each with the values
# that mark a whole body.
PART_HEADERS = {
    "Content-Range": frozenset[str](),
    "Upload-Offset": frozenset({"0"}),
    "Upload-Complete": frozenset({"?1"}),
    "Upload-Incomplete": frozenset({"?0"}),
}
URL_ENCODED = "application/x-www-form-urlencoded"
# The form of a URL-encoded form (WHATWG URL, 5.2); no tar begins like this.
URL_ENCODED_BODY = re.compile(rb"[!-~]+=[!-~]*\s*")
BEGINNING = 512
# The original service parsed the first two as JSON.
JSON_TYPES = frozenset({"application/json", "text/javascript", "text/json"})


def refuse_part() -> None:
    """Raise PartNotTaken when a header marks the body as a part of a larger one."""
    for header, values_of_whole in PART_HEADERS.items():
        value = request.headers.get(header)
        if value is not None and value.strip() not in values_of_whole:
            raise PartNotTaken(
                f"partial bodies are not supported; send the whole file in one request, without {header}, "
                "or a bundle in parts to /uploads"
            )


def refuse_content_encoding() -> None:
    """Raise UnsupportedContentEncoding when a header says that the body is compressed or otherwise encoded."""
    codings = request.headers.get("Content-Encoding", "").lower().split(",")
    found = [coding for each in codings if (coding := each.strip()) not in {"", "identity"}]
    if found:
        raise UnsupportedContentEncoding(f"send the file as it is, without Content-Encoding {', '.join(found)}")


def refuse_multipart() -> None:
    """Raise UnsupportedContentType when the content type is that of a form or another multipart body."""
    if request.mimetype.startswith(MULTIPART):
        raise UnsupportedContentType(f"send the tar itself as the body, not as {request.mimetype}")


def refuse_url_encoded(file: BinaryIO) -> None:
    """Raise UnsupportedContentType when the body is a URL-encoded form, by its content type and its content.

    The type alone does not decide: `curl --data-binary @bundle.tar` sends it with every body.
    """
    if request.mimetype == URL_ENCODED and URL_ENCODED_BODY.fullmatch(file.read(BEGINNING)):
        raise UnsupportedContentType(f"send the tar itself as the body, not as {URL_ENCODED}")


def refuse_all_but_json() -> None:
    """Raise UnsupportedContentType when the content type is not JSON."""
    if request.mimetype not in JSON_TYPES:
        raise UnsupportedContentType("send the document as application/json")
