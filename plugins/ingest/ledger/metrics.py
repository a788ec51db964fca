"""Read all that the metrics of the API need from the ledger, in one snapshot and by indexes.

Called by `api.metrics.ledger_metrics`.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import DateTime, Engine, case, cast, func, literal, or_, select
from sqlalchemy.orm import Session

from ingest.ledger import event_totals, service_request_totals
from ingest.ledger.database import read_clock, transaction
from ingest.ledger.event_totals import Total
from ingest.ledger.job_predicates import IS_IN_PHASE
from ingest.ledger.models import Job, Notification, Upload, Webhook
from ingest.ledger.outbox import WAITING
from ingest.ledger.service_request_totals import RequestKey, Requests
from ingest.states.job_record import Phase


@dataclass(frozen=True)
class OpenJobs:
    """The jobs of one kind and phase that continue by themselves.

    - `service`, `code`: what they wait for, and the error of the last attempt; empty if no attempt has failed.
    - `is_started`: whether their first stage has started.
    - `oldest`: when the oldest of them was received.
    - `waiting_since`: since when the first of them waits for the service.
    """

    kind: str
    phase: Phase
    service: str
    code: str
    is_started: bool
    count: int
    oldest: datetime
    waiting_since: datetime | None


@dataclass(frozen=True)
class FailedJobs:
    """The jobs of one kind that failed with one code, and that nobody has retried."""

    kind: str
    code: str
    count: int


@dataclass(frozen=True)
class WebhookState:
    """A webhook, the number of notifications that wait for it, and whether its last try failed."""

    name: str
    waiting: int
    is_failing: bool


@dataclass(frozen=True)
class LedgerMetrics:
    """Everything that the ledger holds for metrics, at one moment."""

    at: datetime
    events: list[Total]
    last_counted: datetime | None
    open_jobs: list[OpenJobs]
    failed_jobs: list[FailedJobs]
    requests: dict[RequestKey, Requests]
    webhooks: list[WebhookState]
    uploads: int


def read_metrics(engine: Engine) -> LedgerMetrics:
    """Read everything; raises DatabaseUnavailable."""
    with transaction(engine.execution_options(isolation_level="REPEATABLE READ")) as session:
        return LedgerMetrics(
            read_clock(session),
            event_totals.read_totals(session),
            event_totals.last_counted(session),
            _open_jobs(session),
            _failed_jobs(session),
            service_request_totals.read(session),
            _webhooks(session),
            session.scalars(select(func.count()).select_from(Upload)).one(),
        )


def _open_jobs(session: Session) -> list[OpenJobs]:
    phase = case((IS_IN_PHASE[Phase.RUNNING], literal(Phase.RUNNING.value)), else_=literal(Phase.WAITING.value))
    service, code = (func.coalesce(Job.waiting[name].as_string(), "") for name in ("service", "code"))
    since = cast(Job.waiting["since"].as_string(), DateTime(timezone=True))
    jobs = select(
        Job.kind,
        phase.label("phase"),
        service.label("service"),
        code.label("code"),
        Job.stage.is_not(None).label("is_started"),
        Job.created,
        since.label("since"),
    )
    each = jobs.where(Job.ended.is_(None)).subquery().c
    keys = (each.kind, each.phase, each.service, each.code, each.is_started)
    query = select(*keys, func.count(), func.min(each.created), func.min(each.since)).group_by(*keys)
    return [OpenJobs(kind, Phase(phase), *others) for kind, phase, *others in session.execute(query)]


def _failed_jobs(session: Session) -> list[FailedJobs]:
    keys = (Job.kind, Job.error_code)
    query = select(*keys, func.count()).where(IS_IN_PHASE[Phase.FAILED]).group_by(*keys)
    return [FailedJobs(kind, code or "", count) for kind, code, count in session.execute(query)]


def _webhooks(session: Session) -> list[WebhookState]:
    number = func.count().label("number")
    waiting = select(Notification.webhook, number).where(WAITING).group_by(Notification.webhook).subquery()
    has_failed = Webhook.last_failure > func.coalesce(Webhook.last_success, literal("-infinity"))
    is_failing = or_(Webhook.disabled.is_not(None), func.coalesce(has_failed, literal(False)))
    query = (
        select(Webhook.name, func.coalesce(waiting.c.number, 0), is_failing)
        .outerjoin(waiting, waiting.c.webhook == Webhook.name)
        .where(Webhook.removed.is_(None))
    )
    return [WebhookState(*row) for row in session.execute(query)]
