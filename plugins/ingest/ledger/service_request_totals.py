"""Add up the requests that stages send to services, for the metrics of the API: stages run in processes that end.

Called by the stages' wrapper at the end of each attempt, and by `ingest.ledger.metrics`. The requests of an attempt whose
process is killed are not counted.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import NamedTuple

from sqlalchemy import Engine, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from ingest.ledger.database import transaction
from ingest.ledger.models import ServiceRequestTotal


class RequestKey(NamedTuple):
    """The requests of one row; the fields are those of `ServiceRequestTotal`."""

    service: str
    method: str
    status: str
    upper_bound: float


@dataclass(frozen=True)
class Requests:
    """A number of requests, and the sum of their durations."""

    count: int
    seconds: float


def add(engine: Engine, requests: Mapping[RequestKey, Requests]) -> None:
    """Add requests to the totals; raises DatabaseUnavailable."""
    if not requests:
        return
    # In one order, so that two processes never wait for each other.
    rows = [{**key._asdict(), **asdict(requests[key])} for key in sorted(requests)]
    new = insert(ServiceRequestTotal).values(rows)
    sums = {name: getattr(ServiceRequestTotal, name) + getattr(new.excluded, name) for name in ("count", "seconds")}
    with transaction(engine) as session:
        session.execute(new.on_conflict_do_update(index_elements=list(RequestKey._fields), set_=sums))


def read(session: Session) -> dict[RequestKey, Requests]:
    """Return the totals."""
    return {
        RequestKey(row.service, row.method, row.status, row.upper_bound): Requests(row.count, row.seconds)
        for row in session.scalars(select(ServiceRequestTotal))
    }
