"""A file in memory that has a path, for readers that take one."""

import os
from pathlib import Path
from types import TracebackType
from typing import Self


class MemoryFile:
    """An unnamed file in memory (Linux); `path` can be opened while it lives."""

    def __init__(self) -> None:
        self._descriptor = os.memfd_create("tar")
        self.path = Path(f"/proc/self/fd/{self._descriptor}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def write(self, content: bytes) -> None:
        """Make this the whole content."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, content, 0)
