"""The static files of the pages: stylesheet and scripts. They hold nothing secret and are served without a login.

Called by both places that serve pages. An address names the version of its file, so that browsers keep it for ever.
"""

import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent / "static"
CONTENT_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
HEADERS = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}


class StaticFile(NamedTuple):
    """A file and its type."""

    content: bytes
    content_type: str


@cache
def find_static_file(name: str) -> StaticFile | None:
    """Return the file with this name, or None."""
    return _files().get(name)


@cache
def versioned_name(name: str) -> str:
    """Return the address of a file below `static/`: its name, and a version that changes with its content."""
    return f"{name}?v={hashlib.sha256(_files()[name].content).hexdigest()[:12]}"


@cache
def _files() -> dict[str, StaticFile]:
    # Read once: a name in a request never becomes a path.
    served = (path for path in FOLDER.iterdir() if path.suffix in CONTENT_TYPES)
    return {path.name: StaticFile(path.read_bytes(), CONTENT_TYPES[path.suffix]) for path in served}
