"""Compare the messages that arrived with the events of the ledger, by the rules of docs/reference/notifications.md.

Called by `soak` at the end, when nothing waits to be sent.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from ingest.ledger.events import EventKind
from ingest.ledger.models import Event, Notification
from ingest.states.notifications import NotificationState, NotificationType
from tools.soak.journal import Journal, Violation
from tools.soak.notifications.receiver import Answer
from tools.soak.notifications.receiver_process import Arrival

TYPES = {
    EventKind.RECEIVED: NotificationType.RECEIVED,
    EventKind.STAGE_WILL_BE_RETRIED: NotificationType.WAITING,
    EventKind.STAGE_FAILED: NotificationType.FAILED,
    EventKind.CATALOGED: NotificationType.COMPLETED,
    EventKind.CANCELED: NotificationType.CANCELED,
}
ENDS_OF_A_WAIT = {EventKind.STAGE_FINISHED, EventKind.STAGE_FAILED, EventKind.RETRY}
NOT_AFTER_A_CANCELLATION = {NotificationType.WAITING, NotificationType.FAILED}


@dataclass(frozen=True)
class Happened:
    """An event of a job."""

    event_id: int
    job_id: int
    kind: str


@dataclass(frozen=True)
class Expected:
    """A message that must arrive."""

    job_id: int
    type: NotificationType


def compare_notifications(engine: Engine, arrivals: Iterable[Arrival], journal: Journal) -> None:
    """Write each fault of the notifications to the journal."""
    with Session(engine) as session:
        rows = session.execute(select(Event.id, Event.job_id, Event.kind).order_by(Event.id))
        expected = expected_messages(Happened(*row) for row in rows)
        undelivered = session.scalars(select(Notification).where(Notification.state != NotificationState.DELIVERED))
        for each in undelivered:
            journal.violate(
                each.job_id, f"{each.type} of event {each.event_id} is {each.state} at the end: {each.failure}"
            )
    for violation in faults_of(expected, arrivals):
        journal.violate(*violation)


def expected_messages(events: Iterable[Happened]) -> dict[int, Expected]:
    """Return the messages of events in their order, by the id of the event."""
    expected: dict[int, Expected] = {}
    waiting: set[int] = set()
    canceled: set[int] = set()
    for event in events:
        kind = TYPES.get(EventKind(event.kind))
        is_repeated = kind is NotificationType.WAITING and event.job_id in waiting
        is_late = kind in NOT_AFTER_A_CANCELLATION and event.job_id in canceled
        if kind is not None and not is_repeated and not is_late:
            expected[event.event_id] = Expected(event.job_id, kind)
        if kind is NotificationType.WAITING:
            waiting.add(event.job_id)
        elif kind is NotificationType.CANCELED:
            canceled.add(event.job_id)
        elif event.kind in ENDS_OF_A_WAIT:
            waiting.discard(event.job_id)
    return expected


def faults_of(expected: Mapping[int, Expected], arrivals: Iterable[Arrival]) -> Iterator[Violation]:
    """Yield the faults: a message that is lost, wrong, repeated with other contents, or too early."""
    messages = Messages(expected)
    for arrival in arrivals:
        if arrival.answer is Answer.FORGED:
            yield Violation(None, f"the signature of message {arrival.message_id} is wrong: {arrival.document}")
        elif fault := messages.add(arrival):
            yield Violation(arrival.job_id, fault)
    for event_id in messages.lost():
        yield Violation(expected[event_id].job_id, f"{expected[event_id].type} of event {event_id} was never accepted")


class Messages:
    """The messages that arrived so far."""

    def __init__(self, expected: Mapping[int, Expected]) -> None:
        self._expected = expected
        self._events: dict[int, list[int]] = {}
        for event_id, each in expected.items():
            self._events.setdefault(each.job_id, []).append(event_id)
        self._first: dict[int, Arrival] = {}
        self._ids: set[str] = set()
        self._accepted: set[int] = set()

    def add(self, arrival: Arrival) -> str | None:
        """Add the next message; return its fault, if it has one."""
        first = self._first.get(arrival.event_id)
        if first is None:
            fault = self._fault_of_first(arrival)
            self._first[arrival.event_id] = arrival
            self._ids.add(arrival.message_id)
        elif (arrival.message_id, arrival.document) != (first.message_id, first.document):
            fault = f"event {arrival.event_id} was notified first by {first}, and then by {arrival}"
        else:
            fault = None
        if arrival.is_accepted:
            self._accepted.add(arrival.event_id)
        return fault

    def lost(self) -> set[int]:
        """Return the events without a message that was accepted."""
        return self._expected.keys() - self._accepted

    def _fault_of_first(self, arrival: Arrival) -> str | None:
        message = f"{arrival.type} of event {arrival.event_id}"
        wanted = self._expected.get(arrival.event_id)
        if wanted is None or (wanted.job_id, wanted.type) != (arrival.job_id, arrival.type):
            return f"{message} was notified, but {wanted} was expected"
        if arrival.document["id"] != arrival.message_id or arrival.message_id in self._ids:
            return f"{message} has the id of another message, or another one than its document: {arrival}"
        # A message is sent after the earlier ones of its job were delivered.
        earlier = [each for each in self._events[arrival.job_id] if each < arrival.event_id]
        if missing := [each for each in earlier if each not in self._accepted]:
            return f"{message} was notified before the events {missing} were accepted"
        return None
