"""The first look at a move document, while its sender still listens: is it a JSON list of objects at all?

Called by `api.receive` before the document gets its name in the spool. What the objects say is checked by the stage
`load_metadata`.
"""

from typing import BinaryIO

from ingest.bundles.metadata_document import objects
from ingest.errors import InvalidMetadata
from ingest.faults import Faults


def check_move_document(file: BinaryIO) -> None:
    """Read the whole document as a stream; raises InvalidMetadata with all that is wrong with its form."""
    faults = Faults()
    for _ in objects(file, faults):
        pass
    faults.raise_as(InvalidMetadata)
