"""The JSON of the answers about jobs, as types from which the OpenAPI document is generated.

Used by `api.routes.job_operations`. `api.routes.job_json` and `job_contents` create the answers; tests compare them.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from api.openapi.schemas import answer

PAGE_HEADERS: dict[str, Any] = {
    "Link": {
        "description": 'The address of the next page, `<...>; rel="next"`; absent after the last page.',
        "schema": {"type": "string"},
    }
}
JOB_HEADERS: dict[str, Any] = {
    "ETag": {"description": "Changes when the job does; for `If-None-Match`.", "schema": {"type": "string"}},
    "Preference-Applied": {
        "description": "`wait=N`: the answer waited for a change, as `Prefer` requested (RFC 7240); absent if it did not.",
        "schema": {"type": "string", "pattern": "^wait=[0-9]+$"},
    },
}
NEXT = Field(description="The address of the next page; null after the last page.")
STATE: dict[str, Any] = {
    "job_id": 17,
    "state": "OK",
    "task": "ingest files",
    "task_percent": "37.5",
    "created": "2026-11-30 13:10:00",
    "updated": "2026-11-30 13:10:42",
    "phase": "running",
    "kind": "ingest",
    "user": "ada",
    "size": 21474836480,
    "project": "1234a",
    "instrument": "54",
    "files": 1200,
    "bytes": 21470000000,
    "error": None,
}
LINKS = {"self": "/jobs/17", "files": "/jobs/17/files", "events": "/jobs/17/events"}
STAGE = {
    "stage": "ingest_files",
    "task": "ingest files",
    "state": "running",
    "attempt": 1,
    "started": "2026-11-30 13:10:20",
    "ended": None,
    "waiting_for": None,
    "next_attempt_at": None,
}
FILE = {
    "path": "run/results.csv",
    "size": 4096,
    "hash_type": "sha1",
    "hash": "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "source": None,
    "file_id": 4711,
    "state": "archived",
    "fault": None,
}
EVENT = {
    "id": 99,
    "at": "2026-11-30 13:10:20",
    "kind": "stage_started",
    "stage": "ingest_files",
    "attempt": 1,
    "code": None,
    "text": "",
}


class JobError(BaseModel):
    """The last error of a job, in short."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(description="The kind of error. Codes never change.")
    message: str = Field(description="The error, in a sentence.")


class JobFault(BaseModel):
    """A single fault of an upload."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(description="The kind of fault.")
    text: str = Field(description="A sentence that names the member, the file or the entry.")


class ExplainedFault(JobFault):
    """A single fault, and what to do about it."""

    what_to_do: str


class ExplainedError(JobError):
    """The last error of a job, and what to do about it."""

    explanation: str = Field(description="What the code means.")
    who_acts: list[str] = Field(description="Who must act: `uploader`, `facility`, `admin` or `nobody`.")
    what_to_do: str
    faults: list[ExplainedFault] = Field(description="Every fault that the uploader must fix, up to 100.")
    more_faults: int = Field(description="The number of further faults.")


class JobSummary(BaseModel):
    """A job."""

    model_config = ConfigDict(extra="forbid")

    job_id: int
    state: str = Field(description="`OK` or `FAILED`.")
    phase: str = Field(description="`waiting`, `running`, `failed` or `complete`.")
    task: str = Field(description="The label of the stage, such as `ingest files`.")
    task_percent: str = Field(description="The progress of that stage in percent, such as `37.5`.")
    created: str = Field(description="When the job was received, in UTC.")
    updated: str = Field(description="When the job was last changed, in UTC.")
    kind: str | None = Field(description="`ingest` or `move`.")
    user: str | None = Field(description="The user who uploaded.")
    size: int | None = Field(description="The size of the bundle or the move document, in bytes.")
    project: str | None = Field(description="From the metadata; null until it was read.")
    instrument: str | None = Field(description="From the metadata; null until it was read.")
    files: int | None = Field(description="The number of files; null until the metadata was read.")
    bytes: int | None = Field(description="The sum of their sizes; null until the metadata was read.")


class ListedJob(JobSummary):
    """A job of a list."""

    error: JobError | None = Field(description="The last error; its message has at most 300 characters.")


class JobPage(BaseModel):
    """A page of jobs."""

    model_config = answer(
        "The jobs, newest first.", {"jobs": [STATE], "next": "/jobs?cursor=1764508200000000-17"}, PAGE_HEADERS
    )

    jobs: list[ListedJob]
    next: str | None = NEXT


class JobStage(BaseModel):
    """A stage of a job; the times are those of its last attempt."""

    model_config = ConfigDict(extra="forbid")

    stage: str
    task: str = Field(description="The label of the stage.")
    state: str = Field(description="`pending`, `running`, `waiting`, `failed` or `complete`.")
    attempt: int = Field(description="The number of the last attempt; 0 before the first one.")
    started: str | None
    ended: str | None
    waiting_for: str | None
    next_attempt_at: str | None


class JobDetail(JobSummary):
    """Everything about a job."""

    model_config = answer(
        "The job.",
        {
            **STATE,
            "exception": "",
            "complete": False,
            "files_done": 450,
            "bytes_done": 8051250000,
            "rate": 365965909,
            "estimated_end": "2026-11-30 13:11:19",
            "waiting_for": None,
            "next_attempt_at": None,
            "retry_until": None,
            "stages": [STAGE],
            "transaction": None,
            "links": LINKS,
            "original": False,
        },
        JOB_HEADERS,
    )

    exception: str = Field(description="What is wrong, or what the job waits for; empty if nothing is.")
    complete: bool = Field(description="Whether the job has ended.")
    files_done: int | None = Field(description="The number of archived files.")
    bytes_done: int | None = Field(description="The number of archived bytes.")
    rate: int | None = Field(description="Archived bytes a second; null unless files are being sent.")
    estimated_end: str | None = Field(description="When all files will be sent at this rate.")
    waiting_for: str | None = Field(description="What the job waits for, in a sentence; null if it does not wait.")
    next_attempt_at: str | None = Field(description="When the waiting stage is tried again, if known.")
    retry_until: str | None = Field(
        description="When the job fails if the service is still unavailable; null if never."
    )
    stages: list[JobStage]
    error: ExplainedError | None = Field(description="The last error; null if the job has none.")
    transaction: int | None = Field(description="The transaction in the catalog; null until the job is complete.")
    links: dict[str, str]
    original: bool = Field(description="Whether pacifica-ingest 0.4.1 received the job; most values are then unknown.")


class JobFile(BaseModel):
    """A file of a job."""

    model_config = ConfigDict(extra="forbid")

    path: str = Field(description="The path below `data/`.")
    size: int | None
    hash_type: str | None
    hash: str | None
    source: str | None = Field(description="The path that a move takes the file from.")
    file_id: int | None = Field(description="The id in the archive and the catalog.")
    state: str = Field(description="`pending`, `sending`, `deleting`, `archived` or `skipped`.")
    fault: JobFault | None = Field(description="What the uploader must fix in this file.")


class FilePage(BaseModel):
    """A page of files."""

    model_config = answer("The files.", {"files": [FILE], "next": None}, PAGE_HEADERS)

    files: list[JobFile]
    next: str | None = NEXT


class JobEvent(BaseModel):
    """An event of a job."""

    model_config = ConfigDict(extra="forbid")

    id: int
    at: str
    kind: str
    stage: str | None
    attempt: int | None
    code: str | None
    text: str


class EventPage(BaseModel):
    """A page of events."""

    model_config = answer("The events, oldest first.", {"events": [EVENT], "next": None}, PAGE_HEADERS)

    events: list[JobEvent]
    next: str | None = NEXT
