"""The first look at a move document, while its sender still listens: is it a JSON list of objects at all?

Called by `api.receive` before the document gets its name in the spool. What the objects say is checked by the stage
`load_metadata`.
"""

from typing import BinaryIO

import ijson

from ingest.bundle_metadata import CLOSING, OPENING
from ingest.errors import InvalidMetadata
from ingest.printing import one_line

LIST = "send a JSON list of objects"


def check_move_document(file: BinaryIO) -> None:
    """Read the whole document as a stream of JSON events; raises InvalidMetadata."""
    try:
        count = _count_objects(file)
    except (ijson.JSONError, UnicodeDecodeError, ValueError) as error:
        raise InvalidMetadata(f"the document is not valid JSON: {one_line(str(error))}") from error
    if count == 0:
        raise InvalidMetadata(f"the list is empty; {LIST}")


def _count_objects(file: BinaryIO) -> int:
    depth = count = 0
    for event, _ in ijson.basic_parse(file, use_float=True):
        depth -= event in CLOSING
        if depth == 0 and event not in ("start_array", "end_array"):
            raise InvalidMetadata(f"the document is not a list; {LIST}")
        if depth == 1 and event not in CLOSING:
            count += 1
            if event != "start_map":
                raise InvalidMetadata(f"entry {count} of the list is not an object; {LIST}")
        depth += event in OPENING
    return count
