"""Makes the built-in archive of a stack unavailable. Used by tests, benchmarks and `make screenshots`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class ArchiveOutage:
    """Makes the archive unavailable: a file replaces its folder, so that nothing can be written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._aside = folder.with_name("archive aside")

    @contextmanager
    def unavailable(self) -> Iterator[None]:
        """Make the archive unavailable inside the block."""
        self._folder.rename(self._aside)
        self._folder.write_text("the archive is unavailable")
        try:
            yield
        finally:
            self._folder.unlink()
            self._aside.rename(self._folder)
