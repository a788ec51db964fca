"""The static files of the pages: stylesheet and scripts. They hold nothing secret and are served without a login.

Called by both places that serve pages. The address on a page names the version of its file, so browsers keep it for ever.
All others are validated at each use: while a new release is deployed, an old server may answer with the old file.
"""

import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent / "static"
CONTENT_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
VERSION = "v"
FOR_EVER, VALIDATED = "public, max-age=31536000, immutable", "no-cache"


class StaticFile(NamedTuple):
    """A file, its type, and the version of its content."""

    content: bytes
    content_type: str
    version: str

    def headers(self, version: str | None) -> dict[str, str]:
        """Return the headers of an answer to an address that names a version, or none."""
        cache_control = FOR_EVER if version == self.version else VALIDATED
        return {"Cache-Control": cache_control, "ETag": f'"{self.version}"', "X-Content-Type-Options": "nosniff"}


# Not cached: anybody may request any number of names.
def find_static_file(name: str) -> StaticFile | None:
    """Return the file with this name, or None."""
    return _files().get(name)


def versioned_name(name: str) -> str:
    """Return the address of a file below `static/`: its name, and a version that changes with its content."""
    return f"{name}?{VERSION}={_files()[name].version}"


@cache
def _files() -> dict[str, StaticFile]:
    # Read once: a name in a request never becomes a path.
    served = (path for path in FOLDER.iterdir() if path.suffix in CONTENT_TYPES)
    return {path.name: _read(path) for path in served}


def _read(path: Path) -> StaticFile:
    content = path.read_bytes()
    return StaticFile(content, CONTENT_TYPES[path.suffix], hashlib.sha256(content).hexdigest()[:12])
