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
        ends_soon = self.snapshot.record.is_stopped and not (
            self.run and (self.run.has_ended or self.run.state is None)
        )
        return self.requested + (ENDING_SECONDS if ends_soon else REFRESH_SECONDS)


def run_key(snapshot: JobSnapshot) -> RunKey:
    """Return a key that differs when a run that was read before is out of date."""
    # Progress changes constantly, without any effect on the run.
    return snapshot.run_id, snapshot.run_changes, replace(snapshot.record, percent=0.0, last=None)
