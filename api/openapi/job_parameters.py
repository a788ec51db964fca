"""The parameters of the calls on `/jobs`. Used by `api.routes.jobs` and `api.routes.job_contents`."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints

from api.openapi.parameters import Parameters
from ingest.ledger.events import EventKind
from ingest.ledger.job_list import Place
from ingest.ledger.models import FileState
from ingest.states.job_record import Phase
from ingest.states.stages import Kind, Stage

# So that every page is answered within 50 ms (docs/decisions/0021-lists-by-keyset.md).
MOST_JOBS, MOST_ROWS = 200, 1000


def _time(text: object) -> datetime:
    try:
        moment = datetime.fromisoformat(str(text))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("not a time, such as 2026-11-30, 2026-11-30 14:05:00 or 2026-11-30T14:05:00Z") from None


def _place(text: object) -> Place:
    return Place.from_cursor(str(text))


# PostgreSQL stores no NUL.
Name = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"^[^\x00]+$")]
Time = Annotated[datetime, BeforeValidator(_time, json_schema_input_type=str)]
ListPlace = Annotated[Place, BeforeValidator(_place, json_schema_input_type=str)]


class Paged(Parameters):
    """A page; other parameters than the declared ones are refused, because a misspelled filter would select everything."""

    model_config = ConfigDict(extra="forbid")


class JobsQuery(Paged):
    """The parameters of `GET /jobs`."""

    limit: int = Field(100, ge=1, le=MOST_JOBS, description="The most jobs of a page.")
    state: Phase | None = Field(None, description="`waiting`, `running`, `failed` or `complete`.")
    kind: Kind | None = Field(None, description="`ingest` or `move`.")
    user: Name | None = Field(None, description="The user who uploaded.")
    project: Name | None = Field(None, description="The project in the metadata.")
    instrument: Name | None = Field(None, description="The instrument in the metadata.")
    code: Name | None = Field(None, description="The code of the job's error.")
    since: Time | None = Field(None, description="Received at this time or later; UTC unless it has an offset.")
    until: Time | None = Field(None, description="Received before this time.")
    q: Name | None = Field(
        None, description="A job id, or the beginning of the name of a user, a project or an instrument."
    )
    cursor: ListPlace | None = Field(None, description="From the address of the next page in an answer.")


class RowsQuery(Paged):
    """A page of rows."""

    limit: int = Field(100, ge=1, le=MOST_ROWS, description="The most entries of a page.")
    cursor: int = Field(0, ge=0, le=2**53, description="From the address of the next page in an answer.")


class FilesQuery(RowsQuery):
    """The parameters of `GET /jobs/<job_id>/files`."""

    state: FileState | None = Field(None, description="The state of the file.")
    path: Name | None = Field(None, description="A part of the path.")


class EventsQuery(RowsQuery):
    """The parameters of `GET /jobs/<job_id>/events`."""

    kind: EventKind | None = Field(None, description="The kind of the event.")
    stage: Stage | None = Field(None, description="The stage that wrote the event.")
    code: Name | None = Field(None, description="The code of an error.")
