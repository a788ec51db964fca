"""A job that clients poll, with the last known state of its run. Used by `api.polling.recent_runs`."""

from dataclasses import dataclass, replace

from ingest.errors.types import ServiceUnavailable
from ingest.ledger.jobs import JobSnapshot
from ingest.states.airflow import Run
from ingest.states.job_record import JobRecord

# Together with the time of a request, no answer is older than two seconds while Airflow is available.
REFRESH_SECONDS = 1.5
# For a run whose stage has failed for good: all pollers wait until Airflow has ended the run.
ENDING_SECONDS = 0.5
# For the ended run of a job that waits for a service: it costs a request of its own, for days, and rarely changes.
WAITING_SECONDS = 10.0

RunKey = tuple[str, int, JobRecord]


@dataclass
class PolledJob:
    """A job that is being polled, and Airflow's last answer about its run: a run, a failure, or nothing yet."""

    snapshot: JobSnapshot
    polled: float
    requested: float | None = None
    run: Run | None = None
    failure: ServiceUnavailable | None = None

    @property
    def due(self) -> float:
        """The time of the next request."""
        if self.requested is None:
            return self.polled
        return self.requested + self._pause

    @property
    def _pause(self) -> float:
        has_ended = self.run is not None and (self.run.has_ended or self.run.state is None)
        if self.snapshot.record.is_stopped and not has_ended:
            return ENDING_SECONDS
        return WAITING_SECONDS if self.snapshot.record.is_waiting and has_ended else REFRESH_SECONDS


def run_key(snapshot: JobSnapshot) -> RunKey:
    """Return a key that differs when a run that was read before is out of date."""
    # Progress changes constantly, without any effect on the run.
    return snapshot.run_id, snapshot.run_changes, replace(snapshot.record, percent=0.0, last=None)
