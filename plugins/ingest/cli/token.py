"""The subcommand `token`: create, list and remove the static tokens that the API accepts. Needs no database."""

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
MAX_DAYS = 36500


def add(subcommands: Subcommands) -> None:
    """Declare the subcommand, which has subcommands of its own."""
    token = subcommands.add_parser(
        "token",
        help="create, list and remove the tokens that authenticate uploaders",
        description="The tokens of the file that `token_file` names. The API applies a change immediately. Run it under "
        "the account that the API runs under.",
    )
    actions = token.add_subparsers(required=True, metavar="ACTION")
    adding = actions.add_parser("add", help="create a token and print it once; only its hash is kept")
    adding.add_argument("--user", type=_user_name, required=True, metavar="NAME", help="the user of the token")
    lifetime = adding.add_mutually_exclusive_group()
    lifetime.add_argument("--days", type=_days, default=DEFAULT_DAYS, help="the lifetime (default: %(default)s days)")
    lifetime.add_argument("--no-expiry", action="store_true", help="valid until it is removed")
    adding.set_defaults(run=_add, needs_database=False)
    listing = actions.add_parser("list", help="list all tokens: id, created, expires, last used (UTC), user")
    listing.set_defaults(run=_list, needs_database=False)
    removing = actions.add_parser("remove", help="remove a token, or all tokens of a user")
    which = removing.add_mutually_exclusive_group(required=True)
    which.add_argument("--id", metavar="ID", help="the token with this id")
    which.add_argument("--user", metavar="NAME", help="all tokens of this user")
    removing.set_defaults(run=_remove, needs_database=False)


def _user_name(text: str) -> str:
    if found := invalid_reason(text):
        raise argparse.ArgumentTypeError(f"the name {found}")
    return text


def _days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_DAYS:
        raise argparse.ArgumentTypeError(f"must be a number of days from 1 to {MAX_DAYS}")
    return int(text)


def _token_file(settings: Settings) -> Path:
    if settings.token_file is None:
        raise ConfigurationError("no token file is set; set [access] token_file or INGEST_TOKEN_FILE")
    return settings.token_file


def _add(options: argparse.Namespace, settings: Settings, _engine: Engine) -> int:
    lifetime = None if options.no_expiry else timedelta(days=options.days)
    print(token_file.add(_token_file(settings), options.user, lifetime))  # noqa: T201 - a command speaks to a person
    return 0


def _list(_options: argparse.Namespace, settings: Settings, _engine: Engine) -> int:
    path = _token_file(settings)
    for token in token_file.read(path).values():
        print(_line(path, token))  # noqa: T201
    return 0


def _remove(options: argparse.Namespace, settings: Settings, _engine: Engine) -> int:
    path = _token_file(settings)
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


def _time(moment: datetime | None, missing: str) -> str:
    text = moment.astimezone(UTC).strftime(TIME_FORMAT) if moment is not None else missing
    return text.ljust(len("YYYY-MM-DD HH:MM:SS"))
