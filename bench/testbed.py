"""The testbed of the rows: a folder and the systems under test. A system is started when a row first needs it.

Created by `__main__`, passed to every row.
"""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from bench.measurements import (
    MACHINE_LIMIT,
    ORIGINAL_SERVICE,
    THIS_SERVICE,
    Figures,
    Measurements,
    SystemUnderTest,
    run_interleaved,
)
from bench.systems.original_service import OriginalService, original_service
from bench.systems.redis import RequirementMissing
from bench.systems.this_service import ThisService
from ingest.local.layout import Layout
from tools.pacifica_core.core import Core
from tools.pacifica_core.database import postgres_in
from tools.pacifica_core.services import SERVICES
from tools.stack import free_port

# A virtual machine may return free memory to its host, and gets it back page by page: copying a GiB into the page cache then
# takes 2.5 s of kernel time instead of 0.4 s. In consecutive runs, each run reuses the memory of the previous one.
CONSECUTIVE_RUNS = 4


class Testbed:
    """The folder and the systems under test; leaving the context stops the systems.

    `large`: add measurements that take half an hour and 70 GB of disk. `max_rounds`: fewer rounds, for a quick look.
    `missing`: the requirements that the original service lacks on this machine.
    """

    def __init__(self, folder: Path, *, large: bool = False, max_rounds: int = 1000) -> None:
        self.folder = folder
        self.large = large
        self._max_rounds = max_rounds
        self.this_service = ThisService(folder / "ours")
        self.missing: list[str] = []
        self._cleanup = ExitStack()
        self._core: Core | None = None
        self._postgres: Layout | None = None
        self._original: OriginalService | None = None

    def __enter__(self) -> "Testbed":
        self._cleanup.callback(self.this_service.stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._cleanup.close()

    def core(self) -> Core:
        """Return the real Pacifica services; start them first if necessary."""
        if self._core is None:
            self._postgres = self._cleanup.enter_context(postgres_in(self.folder / "core-database"))
            folder = self.folder / "core"
            folder.mkdir()
            self._core = Core(folder, self._postgres, {name: free_port() for name in SERVICES})
            self._cleanup.callback(self._core.stop_all)
            self._core.start_all()
        return self._core

    def original(self) -> OriginalService | None:
        """Return the original service in front of the real services; None, with a note, if a requirement is missing."""
        if self._original is None and not self.missing:
            core = self.core()
            assert self._postgres
            try:
                service = original_service(self.folder / "original", self._postgres, core)
                self._original = self._cleanup.enter_context(service)
            except RequirementMissing as missing:
                self.missing.append(str(missing))
        return self._original

    def rounds(self, wanted: int) -> int:
        """Return the number of rounds to run: `wanted`, or fewer for a quick look."""
        return min(wanted, self._max_rounds)

    def compare(
        self,
        rounds: int,
        this_service: Callable[[], Figures],
        limit: Callable[[], Figures] | None = None,
        original: Callable[[OriginalService], Figures] | None = None,
        *,
        limit_uses_stack: bool = False,
        warm_ups: int = 0,
        runs: int = 1,
    ) -> Measurements:
        """Measure this service, the limit and the original service alternately; skip the last if it cannot run."""
        systems = [SystemUnderTest(THIS_SERVICE, this_service, uses_stack=True)]
        if limit is not None:
            systems.append(SystemUnderTest(MACHINE_LIMIT, limit, limit_uses_stack))
        service = self.original() if original is not None else None
        if original is not None and service is not None:
            systems.append(SystemUnderTest(ORIGINAL_SERVICE, lambda: original(service)))
        return run_interleaved(systems, self.rounds(rounds), self.this_service.frozen, warm_ups, runs)
