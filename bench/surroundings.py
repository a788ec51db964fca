"""What the rows measure in: a folder, the contestants in it, each started when a row first needs it, and all ended.

Made by `__main__`, handed to every row.
"""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from bench.contestants.original import OriginalService, original_service
from bench.contestants.ours import Ours
from bench.contestants.redis import Lacking
from bench.measuring import LIMIT, ORIGINAL, OURS, Contestant, Figures, Turns, take_turns
from ingest.local.layout import Layout
from tools.pacifica_core.core import Core
from tools.pacifica_core.database import postgres_in
from tools.pacifica_core.services import SERVICES
from tools.stack import free_port

# A virtual machine may give memory that is free back to its host, and has it again page by page: a GiB that is copied into
# the page cache takes 0.4 s of the kernel's time then, or 2.5 s. In a row, each run finds the memory of the one before.
RUNS_IN_A_ROW = 4


class Surroundings:
    """The folder and the contestants.

    `large`: whether what takes half an hour and 70 GB is measured too; `most_rounds`: for a quick look.
    """

    def __init__(self, folder: Path, *, large: bool = False, most_rounds: int = 1000) -> None:
        self.folder = folder
        self.large = large
        self._most_rounds = most_rounds
        self.ours = Ours(folder / "ours")
        self.lacking: list[str] = []
        self._ending = ExitStack()
        self._core: Core | None = None
        self._postgres: Layout | None = None
        self._original: OriginalService | None = None

    def __enter__(self) -> "Surroundings":
        self._ending.callback(self.ours.stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ending.close()

    def core(self) -> Core:
        """The real services."""
        if self._core is None:
            self._postgres = self._ending.enter_context(postgres_in(self.folder / "core-database"))
            folder = self.folder / "core"
            folder.mkdir()
            self._core = Core(folder, self._postgres, {name: free_port() for name in SERVICES})
            self._ending.callback(self._core.stop_all)
            self._core.start_all()
        return self._core

    def original(self) -> OriginalService | None:
        """The original in front of the real services; None where something is lacking for it, which is noted."""
        if self._original is None and not self.lacking:
            core = self.core()
            assert self._postgres
            try:
                service = original_service(self.folder / "original", self._postgres, core)
                self._original = self._ending.enter_context(service)
            except Lacking as lacking:
                self.lacking.append(str(lacking))
        return self._original

    def rounds(self, wanted: int) -> int:
        """So many rounds, or fewer for a quick look."""
        return min(wanted, self._most_rounds)

    def take_turns(
        self,
        rounds: int,
        ours: Callable[[], Figures],
        limit: Callable[[], Figures] | None = None,
        original: Callable[[OriginalService], Figures] | None = None,
        *,
        limit_on_our_stack: bool = False,
        warm_ups: int = 0,
        runs: int = 1,
    ) -> Turns:
        """Let ours, the limit and the original take turns; the original only where it can run."""
        contestants = [Contestant(OURS, ours, on_our_stack=True)]
        if limit is not None:
            contestants.append(Contestant(LIMIT, limit, limit_on_our_stack))
        service = self.original() if original is not None else None
        if original is not None and service is not None:
            contestants.append(Contestant(ORIGINAL, lambda: original(service)))
        return take_turns(contestants, self.rounds(rounds), self.ours.frozen, warm_ups, runs)
