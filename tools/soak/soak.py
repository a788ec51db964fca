"""The soak: load with faults, then a wait without faults, then the comparison.

Called by `python -m tools.soak` (`make soak`).
"""

import threading
import time
import traceback
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from xmlrpc.client import Fault

from sqlalchemy import Engine

from ingest.errors.types import DatabaseUnavailable
from ingest.ledger import jobs
from ingest.services import make_services
from ingest.settings.loading import load_settings
from tools.metrics_comparison import compare_metrics
from tools.soak.answers import AnswerComparison
from tools.soak.canceling import Canceler
from tools.soak.comparison import Comparison
from tools.soak.fault_injector import FaultInjector
from tools.soak.holdings import BuiltIn, Real
from tools.soak.journal import Journal
from tools.soak.leftovers import compare_spool
from tools.soak.notifications.comparison import compare_notifications
from tools.soak.notifications.deliveries import wait_for_deliveries, wait_for_webhook
from tools.soak.report import Report, make_report, read_figures
from tools.soak.runs import compare_runs
from tools.soak.soak_stack import BUILT_IN, SoakStack, soak_stack
from tools.soak.uploading import Uploader
from tools.soak.watching import Watcher
from tools.stack import ledger_of

UPLOADERS = 4
# After the last fault: a lost task is noticed after three minutes, and thirty jobs may be queued.
SETTLE_SECONDS = 900
POLL_SECONDS = 1.0


@dataclass
class Soak:
    """One soak, in an empty folder of its own; `gap_seconds` is the range of the pause between two faults."""

    folder: Path
    seed: int
    services: str = BUILT_IN
    gap_seconds: tuple[float, float] = (3.0, 20.0)
    journal: Journal = field(default_factory=Journal)

    def run(self, seconds: float) -> Report:
        """Run it for some seconds and compare the end; an interrupt ends it early, without the comparison.

        There is always a report; an error that ends the soak early is one of its violations.
        """
        begun, figures = time.monotonic(), None
        hook, threading.excepthook = threading.excepthook, self._record_failure_of_thread
        try:
            with soak_stack(self.folder, self.services, self.seed) as running, ledger_of(running.stack) as engine:
                wait_for_webhook(engine)
                begun = time.monotonic()
                self._load(running, engine, seconds)
                self._compare(running, engine)
                figures = read_figures(engine, running.receiver.arrivals(), self.journal.violations)
        except KeyboardInterrupt:
            pass
        except Exception as error:
            traceback.print_exc()
            self.journal.violate(None, f"the soak failed: {error!r}")
        finally:
            self.journal.over.set()
            threading.excepthook = hook
        return make_report(self.seed, self.services, time.monotonic() - begun, self.journal, figures)

    def _load(self, running: SoakStack, engine: Engine, seconds: float) -> None:
        """Upload and inject faults for a while, then wait until every job has ended."""
        watcher = Watcher(running.stack.api, self.journal)
        uploaders = [Uploader(self.seed, running.stack, self.journal) for _ in range(UPLOADERS)]
        canceler = Canceler(self.seed, running.stack.api, self.journal)
        for thread in (watcher, canceler, *uploaders):
            thread.start()

        injector = FaultInjector(running.stack, self.journal, Random(self.seed), running.services, self.gap_seconds)
        try:
            injector.inject_faults(seconds, running.check)
        except Fault as error:
            # supervisord has stopped.
            raise running.ended() from error
        self.journal.over.set()
        for thread in (canceler, *uploaders):
            thread.join()
        self._wait_for_ends(running, engine)
        watcher.end()
        wait_for_deliveries(engine)

    def _wait_for_ends(self, running: SoakStack, engine: Engine) -> None:
        """Wait without intervening; the comparison finds jobs that did not end in time."""
        end = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < end and not self._all_ended(engine):
            running.check()
            time.sleep(POLL_SECONDS)

    def _all_ended(self, engine: Engine) -> bool:
        if self.journal.jobs(ended=False):
            return False
        with suppress(DatabaseUnavailable):
            # Includes jobs that were not answered.
            return not jobs.unfinished(engine, -1, 1)
        return False

    def _compare(self, running: SoakStack, engine: Engine) -> None:
        stack = running.stack
        holdings = Real(running.core) if running.core else BuiltIn(stack.home, engine)
        with closing(make_services(load_settings(running.settings), engine)) as services:
            Comparison(self.seed, stack.home, engine, services.archive, holdings, self.journal).compare()
        AnswerComparison(self.seed, stack, engine, self.journal).compare()
        compare_notifications(engine, running.receiver.arrivals(), self.journal)
        compare_runs(stack, engine, self.journal)
        for difference in compare_metrics(stack.api, engine):
            self.journal.violate(None, difference)
        # Last, because it removes files that the others compare.
        compare_spool(stack, self.journal)

    def _record_failure_of_thread(self, failure: threading.ExceptHookArgs) -> None:
        self.journal.violate(None, f"a thread of the soak failed: {failure.exc_value!r}")
        threading.__excepthook__(failure)
