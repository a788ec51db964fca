"""The body of an upload: the rest of a file from an offset, in blocks, with its progress."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pacifica_ingest_client.progress import Progress

# One block must be sent within CONNECT_SECONDS, so a smaller one permits a slower network: here 2 KiB a second.
BLOCK = 64 * 1024


class Body:
    """The blocks of a body of known size; `sent` bytes were passed to the network."""

    def __init__(self, blocks: Iterable[bytes], size: int, progress: Progress) -> None:
        self._blocks = blocks
        self._size = size
        self._progress = progress
        self.sent = 0

    def __len__(self) -> int:
        """Return the size, from which requests makes the Content-Length."""
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        for block in self._blocks:
            for start in range(0, len(block), BLOCK):
                part = block[start : start + BLOCK]
                yield part
                self.sent += len(part)
                self._progress.advance(len(part))
