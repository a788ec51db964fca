"""A receipt on this computer, with what verifies it offline: the service's public keys, and the list of many files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pacifica_ingest_client.errors import FolderDiffers, ReceiptInvalid, SourceUnreadable
from pacifica_ingest_client.receipt.folder import compare
from pacifica_ingest_client.receipt.receipt import InvalidReceipt, Receipt, ReceiptFile, verify

MAX_SHOWN = 100


class SavedReceipt:
    """The receipt in a file. Beside `run.receipt` are `run.receipt.jwks` and, if it has more than 10,000 files, `.files`."""

    def __init__(self, path: Path, keys: Path | None = None) -> None:
        """`keys` is a file of public keys from elsewhere, which are trusted instead of the saved ones."""
        self.path = path
        self.keys = keys or path.with_name(f"{path.name}.jwks")
        self.list = path.with_name(f"{path.name}.files")

    def verify(self) -> Receipt:
        """Verify the signature; raises ReceiptInvalid, SourceUnreadable."""
        with _translated():
            return verify(self.path.read_text(encoding="ascii"), _document(self.keys))

    def files(self) -> Iterator[ReceiptFile]:
        """Verify the receipt, and yield its files; raises ReceiptInvalid, SourceUnreadable, at the latest at their end."""
        receipt = self.verify()
        with _translated():
            if receipt.has_list:
                yield from receipt.files()
                return
            with self.list.open("rb") as lines:
                yield from receipt.files(lines)

    def check(self, uploaded: Iterable[tuple[str, int, str]]) -> int:
        """Compare the receipt with the names, sizes and hashes that were uploaded, in order; return the number of files.

        Raises ReceiptInvalid, SourceUnreadable.
        """
        count, expected = 0, iter(uploaded)
        for file in self.files():
            count += 1
            if (file.path, file.size, file.hash_sum) != next(expected, None):
                raise ReceiptInvalid(f"{self.path}: {file.path} in the receipt is not the file that was uploaded")
        if next(expected, None) is not None:
            raise ReceiptInvalid(f"{self.path}: the receipt lacks files that were uploaded")
        return count

    def compare(self, folder: Path, exclude: Iterable[str] = ()) -> None:
        """Compare the receipt with a folder, and hash every file of it; raises FolderDiffers, ReceiptInvalid."""
        found: list[str] = []
        more = 0
        with _translated():
            for each in compare(folder, self.files(), tuple(exclude)):
                if len(found) < MAX_SHOWN:
                    found.append(f"{each.kind}: {each.path}: {each.reason}")
                else:
                    more += 1
        if found:
            faults = (*found, f"and {more} more") if more else tuple(found)
            raise FolderDiffers(f"{folder} is not what the archive holds; do not delete it", faults)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (InvalidReceipt, ValueError) as error:
        raise ReceiptInvalid(str(error)) from error
    except OSError as error:
        raise SourceUnreadable(f"{error.filename} cannot be read: {error.strerror or error}") from error


def _document(path: Path) -> dict[str, Any]:
    document = json.loads(path.read_bytes())
    if not isinstance(document, dict):
        raise ReceiptInvalid(f"{path} is no JSON Web Key Set")
    return document
