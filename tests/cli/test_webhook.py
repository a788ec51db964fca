"""`pacifica-ingest-cmd webhook`: list, test and replay, with a real receiver."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest.cli.main import main
from ingest.ledger import deliveries, webhooks
from ingest.ledger.events import EventKind
from ingest.states.notifications import NotificationState
from tests.operations.notify.conftest import happen, notifications, receive_job, webhook_of
from tests.operations.notify.receiver import SECRET, Receiver, run_receiver, status

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with run_receiver() as running:
        yield running


@pytest.fixture
def call(
    separate_engine: Engine,
    separate_url: str,
    receiver: Receiver,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Call:
    """Return a function that calls the command with a webhook `lab`; it returns the exit code, stdout and stderr."""
    ini = tmp_path / "config.ini"
    ini.write_text(f"[webhook:lab]\nurl = {receiver.url}\nsecret = {SECRET}\nallow_private = true\nusers = ada\n")
    monkeypatch.setenv("INGEST_DATABASE_URL", separate_url)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["-c", str(ini), "webhook", *arguments])
        written = capsys.readouterr()
        return code, written.out, written.err

    return run


def deliver_one(engine: Engine, receiver: Receiver) -> None:
    webhooks.synchronize(engine, [webhook_of(receiver)])
    job = receive_job(engine)
    claimed = deliveries.claim(engine, "lab")
    assert claimed is not None
    deliveries.record_delivery(engine, claimed.notification)
    happen(engine, job, EventKind.CATALOGED)


def test_list_before_the_api_has_started(call: Call, receiver: Receiver):
    code, out, err = call("list")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "lab:",
        f"  url: {receiver.url.partition('?')[0]}",
        "  events: job.received, job.waiting, job.failed, job.completed, job.canceled",
        "  users: ada",
        "  state: unknown; the API stores its webhooks when it starts, so restart it",
    ]


def test_list_shows_results_and_what_waits(call: Call, separate_engine: Engine, receiver: Receiver):
    deliver_one(separate_engine, receiver)
    claimed = deliveries.claim(separate_engine, "lab")
    assert claimed is not None
    deliveries.record_failure(
        separate_engine, claimed.notification, "answered 500", timedelta(0), pause=None, gone=False
    )
    lines = call("list")[1].splitlines()[4:]
    assert lines[0] == "  state: active"
    assert lines[1].startswith("  last success: 20")
    assert lines[2].startswith("  last failure: 20")
    assert lines[2].endswith("UTC: answered 500")
    assert lines[3].startswith("  waiting: 1, the oldest since 20")
    assert lines[4] == "  given up: 0"


@pytest.mark.parametrize(("pause", "gone", "state"), [(None, True, "disabled since"), (60, False, "paused until")])
def test_list_says_why_nothing_is_sent(
    call: Call, separate_engine: Engine, receiver: Receiver, pause: int | None, gone: bool, state: str
):
    deliver_one(separate_engine, receiver)
    claimed = deliveries.claim(separate_engine, "lab")
    assert claimed is not None
    delay = None if pause is None else timedelta(seconds=pause)
    deliveries.record_failure(separate_engine, claimed.notification, "answered", timedelta(0), pause=delay, gone=gone)
    assert f"  state: {state}" in call("list")[1]
    code, out, err = call("test", "lab")
    assert (code, err, len(receiver.received)) == (0, "", 1)
    assert out == f"webhook lab: delivered test {receiver.received[0].message_id}\n"
    assert "  state: active" in call("list")[1]


def test_list_shows_a_webhook_that_the_settings_lack(call: Call, separate_engine: Engine, receiver: Receiver):
    webhooks.synchronize(separate_engine, [webhook_of(receiver, "old")])
    webhooks.synchronize(separate_engine, [])
    lines = call("list")[1].splitlines()
    assert lines[lines.index("old:") + 1] == "  not in the settings"
    assert lines[lines.index("old:") + 2].startswith("  state: removed from the settings, since 20")


def test_failed_test_says_why(call: Call, receiver: Receiver):
    receiver.answer = status(500, b"down")
    assert call("test", "lab") == (1, "", "webhook lab: answered 500: 'down'\n")


def test_replay_by_id_and_by_time(call: Call, separate_engine: Engine, receiver: Receiver):
    deliver_one(separate_engine, receiver)
    first = notifications(separate_engine)[0]
    assert first.state == NotificationState.DELIVERED
    assert (
        call("replay", "lab", "--id", str(first.message_id))[1] == "webhook lab: 1 notifications will be sent again\n"
    )
    assert [each.state for each in notifications(separate_engine)] == [NotificationState.WAITING] * 2
    before = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M")
    after = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert call("replay", "lab", "--since", before)[:2] == (0, "webhook lab: 2 notifications will be sent again\n")
    assert call("replay", "lab", "--since", after)[:2] == (1, "webhook lab: 0 notifications will be sent again\n")


def test_replay_of_a_disabled_webhook_is_refused_and_changes_nothing(
    call: Call, separate_engine: Engine, receiver: Receiver
):
    deliver_one(separate_engine, receiver)
    claimed = deliveries.claim(separate_engine, "lab")
    assert claimed is not None
    deliveries.record_failure(separate_engine, claimed.notification, "answered 410", None, pause=None, gone=True)
    before = [each.state for each in notifications(separate_engine)]
    code, out, err = call("replay", "lab", "--since", "2026-01-01")
    assert (code, out) == (1, "")
    assert err == (
        "webhook lab: disabled, because the receiver answered 410; `webhook test` enables it if the receiver accepts the "
        "test; nothing is sent again\n"
    )
    assert [each.state for each in notifications(separate_engine)] == before
    call("test", "lab")
    assert call("replay", "lab", "--since", "2026-01-01")[0] == 0


@pytest.mark.parametrize("action", [("test", "other"), ("replay", "other", "--since", "2026-01-01")])
def test_unknown_webhook_is_an_error(call: Call, action: tuple[str, ...]):
    sentence = "pacifica-ingest-cmd: no webhook has this name; the INI file needs a section [webhook:other]\n"
    assert call(*action) == (1, "", sentence)


@pytest.mark.parametrize("option", [(), ("--since", "yesterday"), ("--id", "17")])
def test_wrong_usage(call: Call, option: tuple[str, ...]):
    with pytest.raises(SystemExit) as raised:
        call("replay", "lab", *option)
    assert raised.value.code == 2
