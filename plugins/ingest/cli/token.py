"""`token`: the static tokens that the API takes, made, listed and removed. Needs no database."""

import argparse
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine

from ingest.access import token_file, token_uses
from ingest.access.token_file import Token
from ingest.access.user_names import invalid_reason
from ingest.cli.options import Subcommands
from ingest.errors.types import ConfigurationError
from ingest.settings.loading import Settings

TIME_FORMAT = "%Y-%m-%d %H:%M:%S"
DEFAULT_DAYS = 365
LARGEST_DAYS = 36500


def add(subcommands: Subcommands) -> None:
    """Declare the subcommand, which has subcommands of its own."""
    token = subcommands.add_parser(
        "token",
        help="make, list and remove the tokens that uploaders prove with who they are",
        description="The tokens of the file that `token_file` names. The API takes a change at once. Call it as the "
        "account that the API runs under.",
    )
    actions = token.add_subparsers(required=True, metavar="ACTION")
    making = actions.add_parser("add", help="make a token and print it, once: only its hash is kept")
    making.add_argument("--user", type=_user_name, required=True, metavar="NAME", help="whose it is")
    lifetime = making.add_mutually_exclusive_group()
    lifetime.add_argument(
        "--days", type=_days, default=DEFAULT_DAYS, help="how long it is valid (default: %(default)s days)"
    )
    lifetime.add_argument("--no-expiry", action="store_true", help="it is valid until it is removed")
    making.set_defaults(run=_add, needs_database=False)
    listing = actions.add_parser("list", help="list all tokens: id, made, expires, last used (UTC), user")
    listing.set_defaults(run=_list, needs_database=False)
    removing = actions.add_parser("remove", help="remove a token, or all of a user")
    which = removing.add_mutually_exclusive_group(required=True)
    which.add_argument("--id", metavar="ID", help="the one of this id")
    which.add_argument("--user", metavar="NAME", help="all of this user")
    removing.set_defaults(run=_remove, needs_database=False)


def _user_name(text: str) -> str:
    if found := invalid_reason(text):
        raise argparse.ArgumentTypeError(f"the name {found}")
    return text


def _days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= LARGEST_DAYS:
        raise argparse.ArgumentTypeError(f"days are a number from 1 to {LARGEST_DAYS}")
    return int(text)


def _file(settings: Settings) -> Path:
    if settings.token_file is None:
        raise ConfigurationError("[access] token_file, or INGEST_TOKEN_FILE, must name the file of tokens")
    return settings.token_file


def _add(options: argparse.Namespace, settings: Settings, _engine: Engine) -> int:
    lifetime = None if options.no_expiry else timedelta(days=options.days)
    print(token_file.add(_file(settings), options.user, lifetime))  # noqa: T201 - a command speaks to a person
    return 0


def _list(_options: argparse.Namespace, settings: Settings, _engine: Engine) -> int:
    path = _file(settings)
    for token in token_file.read(path).values():
        print(_line(path, token))  # noqa: T201
    return 0


def _remove(options: argparse.Namespace, settings: Settings, _engine: Engine) -> int:
    path = _file(settings)
    removed = token_file.remove(path, lambda token: options.id == token.id or options.user == token.user)
    for token in removed:
        print(f"removed {_line(path, token)}")  # noqa: T201
        token_uses.forget(path, token.id)
    if not removed:
        print("pacifica-ingest-cmd: no such token", file=sys.stderr)  # noqa: T201
    return 0 if removed else 1


def _line(path: Path, token: Token) -> str:
    used = token_uses.last_use(path, token.id)
    moments = (_time(token.created, ""), _time(token.expires, "does not expire"), _time(used, "not used yet"))
    return "  ".join((token.id, *moments, token.user))


def _time(moment: datetime | None, otherwise: str) -> str:
    text = moment.astimezone(UTC).strftime(TIME_FORMAT) if moment is not None else otherwise
    return text.ljust(len("YYYY-MM-DD HH:MM:SS"))
