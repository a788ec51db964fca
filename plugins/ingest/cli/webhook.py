"""The subcommand `webhook`: show the webhooks, send a test, and send notifications again."""

import argparse
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Engine

from ingest.cli.options import Subcommands
from ingest.errors.types import ConfigurationError
from ingest.ledger import webhooks
from ingest.ledger.webhooks import WebhookStatus
from ingest.operations.notify.delivery import deliver
from ingest.operations.notify.message import make_test_message
from ingest.settings.loading import Settings
from ingest.settings.webhooks import Webhook
from ingest.system.sanitize import escape, redact_url

TIME_FORMAT = "%Y-%m-%d %H:%M:%S UTC"
NEVER = "never"
DISABLED_TEXT = (
    "disabled, because the receiver answered 410; `webhook test` enables it if the receiver accepts the test"
)


def add(subcommands: Subcommands) -> None:
    """Declare the subcommand, which has subcommands of its own."""
    webhook = subcommands.add_parser(
        "webhook",
        help="show the webhooks, send a test, or send notifications again",
        description="The webhooks are the sections [webhook:NAME] of the INI file. Times are UTC.",
    )
    actions = webhook.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="show each webhook: its state, last results, and waiting notifications")
    listing.set_defaults(run=_list)
    testing = actions.add_parser("test", help="send a test now; if it succeeds, a disabled webhook is enabled again")
    testing.add_argument("name", metavar="NAME", help="the webhook")
    testing.set_defaults(run=_test)
    replaying = actions.add_parser("replay", help="send notifications again, also those that were delivered")
    replaying.add_argument("name", metavar="NAME", help="the webhook")
    which = replaying.add_mutually_exclusive_group(required=True)
    which.add_argument("--id", type=UUID, metavar="ID", help="the notification with this webhook-id")
    which.add_argument("--since", type=_time, metavar="TIME", help="all since a time, such as 2026-11-30T13:00 (UTC)")
    replaying.set_defaults(run=_replay)


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("must be a time such as 2026-11-30T13:00") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _list(_options: argparse.Namespace, settings: Settings, engine: Engine) -> int:
    known = {status.name: status for status in webhooks.statuses(engine)}
    for webhook in settings.webhooks:
        _print(webhook.name, [*_setting_lines(webhook), *_status_lines(known.pop(webhook.name, None))])
    for name, status in known.items():
        _print(name, ["not in the settings", *_status_lines(status)])
    return 0


def _test(options: argparse.Namespace, settings: Settings, engine: Engine) -> int:
    webhook = _find(settings, options.name)
    message = make_test_message(webhook.name)
    result = deliver(webhook, message)
    if result.failure is not None:
        print(escape(f"webhook {webhook.name}: {result.failure}"), file=sys.stderr)  # noqa: T201
        return 1
    webhooks.enable(engine, webhook.name)
    print(f"webhook {webhook.name}: delivered test {message.message_id}")  # noqa: T201
    return 0


def _replay(options: argparse.Namespace, settings: Settings, engine: Engine) -> int:
    webhook = _find(settings, options.name)
    if any(status.name == webhook.name and status.disabled for status in webhooks.statuses(engine)):
        print(f"webhook {webhook.name}: {DISABLED_TEXT}; nothing is sent again", file=sys.stderr)  # noqa: T201
        return 1
    count = webhooks.replay(engine, webhook.name, message_id=options.id, since=options.since)
    print(f"webhook {webhook.name}: {count} notifications will be sent again")  # noqa: T201
    return 0 if count else 1


def _find(settings: Settings, name: str) -> Webhook:
    found = next((webhook for webhook in settings.webhooks if webhook.name == name), None)
    if found is None:
        raise ConfigurationError(f"no webhook has this name; the INI file needs a section [webhook:{name}]")
    return found


def _print(name: str, lines: list[str]) -> None:
    print(escape(f"{name}:"))  # noqa: T201 - a command speaks to a person
    for line in lines:
        print(escape(f"  {line}"))  # noqa: T201


def _setting_lines(webhook: Webhook) -> Iterator[str]:
    yield f"url: {redact_url(webhook.url)}"
    yield f"events: {', '.join(webhook.events)}"
    yield f"users: {', '.join(webhook.users) or 'all'}"


def _status_lines(status: WebhookStatus | None) -> Iterator[str]:
    if status is None:
        yield "state: unknown; the API stores its webhooks when it starts, so restart it"
        return
    yield f"state: {_state(status)}"
    yield f"last success: {_shown(status.last_success)}"
    failure = f": {status.failure}" if status.failure else ""
    yield f"last failure: {_shown(status.last_failure)}{failure}"
    oldest = f", the oldest since {_shown(status.oldest)}" if status.oldest else ""
    yield f"waiting: {status.waiting}{oldest}"
    yield f"given up: {status.given_up}"


def _state(status: WebhookStatus) -> str:
    if status.removed:
        return f"removed from the settings, since {_shown(status.removed)}"
    if status.disabled:
        return f"disabled since {_shown(status.disabled)}, because the receiver answered 410; `webhook test` enables it"
    if status.paused_until and status.paused_until > datetime.now(UTC):
        return f"paused until {_shown(status.paused_until)}, as the receiver requested"
    return "active"


def _shown(moment: datetime | None) -> str:
    return moment.astimezone(UTC).strftime(TIME_FORMAT) if moment else NEVER
