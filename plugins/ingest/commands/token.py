"""`token`: the static tokens that the API takes, made, listed and removed. Needs no database."""

import argparse
import sys
from pathlib import Path

from sqlalchemy import Engine

from ingest import token_file
from ingest.commands.options import Subcommands
from ingest.errors import ConfigurationError
from ingest.settings import Settings
from ingest.token_file import Token
from ingest.user_names import fault

TIME_FORMAT = "%Y-%m-%d %H:%M:%S"


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
    making.set_defaults(run=_add, needs_database=False)
    listing = actions.add_parser("list", help="list all tokens: id, when it was made (UTC), user")
    listing.set_defaults(run=_list, needs_database=False)
    removing = actions.add_parser("remove", help="remove a token, or all of a user")
    which = removing.add_mutually_exclusive_group(required=True)
    which.add_argument("--id", metavar="ID", help="the one of this id")
    which.add_argument("--user", metavar="NAME", help="all of this user")
    removing.set_defaults(run=_remove, needs_database=False)


def _user_name(text: str) -> str:
    if found := fault(text):
        raise argparse.ArgumentTypeError(f"the name {found}")
    return text


def _file(settings: Settings) -> Path:
    if settings.token_file is None:
        raise ConfigurationError("[access] token_file, or INGEST_TOKEN_FILE, must name the file of tokens")
    return settings.token_file


def _add(options: argparse.Namespace, settings: Settings, _engine: Engine) -> int:
    print(token_file.add(_file(settings), options.user))  # noqa: T201 - a command speaks to a person
    return 0


def _list(_options: argparse.Namespace, settings: Settings, _engine: Engine) -> int:
    for token in token_file.read(_file(settings)).values():
        print(_line(token))  # noqa: T201
    return 0


def _remove(options: argparse.Namespace, settings: Settings, _engine: Engine) -> int:
    removed = token_file.remove(_file(settings), lambda token: options.id == token.id or options.user == token.user)
    for token in removed:
        print(f"removed {_line(token)}")  # noqa: T201
    if not removed:
        print("pacifica-ingest-cmd: no such token", file=sys.stderr)  # noqa: T201
    return 0 if removed else 1


def _line(token: Token) -> str:
    return f"{token.id}  {token.created.strftime(TIME_FORMAT)}  {token.user}"
