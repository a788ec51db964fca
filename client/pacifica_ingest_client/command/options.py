"""The command line of `pacifica-ingest-upload`, and the objects of the library that it describes."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pacifica_ingest_client.bundle.transaction import Transaction
from pacifica_ingest_client.client import APPLICATION, RETRY_SECONDS
from pacifica_ingest_client.errors import UsageError
from pacifica_ingest_client.service.connection import Access

URL_VARIABLE = "INGEST_URL"
TOKEN_VARIABLE = "INGEST_TOKEN"  # noqa: S105 - a name
TOKEN_FILE_VARIABLE = "INGEST_TOKEN_FILE"  # noqa: S105 - a name
USER_HEADER = "X-Http-Authed-User"
DESCRIPTION = """\
Uploads files and folders to a Pacifica archive as one bundle, and waits until they are cataloged.
After an interruption, run the same command again: it sends only what is missing.
"""
EPILOG = f"""\
environment:
  {URL_VARIABLE}          the service, instead of --url
  {TOKEN_VARIABLE}        a token, for facilities that require one; {TOKEN_FILE_VARIABLE} names a file with it
  HTTPS_PROXY         a proxy, as for other programs; NO_PROXY lists hosts without it

exit status:
  0  the files are cataloged
  1  you must fix something; the message says what
  2  the command line is wrong
  3  the service failed, or was unavailable for too long
  4  interrupted; the same command resumes
"""


class _Parser(argparse.ArgumentParser):
    """Raises an error instead of leaving the program, so that every error is shown in the same way."""

    def error(self, message: str) -> None:  # type: ignore[override]
        """Raise UsageError."""
        raise UsageError(f"{message}; see {self.prog} --help")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line; raises UsageError."""
    parser = _Parser(
        prog="pacifica-ingest-upload",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a folder or a file")
    parser.add_argument("--version", action="version", version=_version())
    _add_metadata(parser.add_argument_group("metadata"))
    _add_access(parser.add_argument_group("service"))
    _add_behavior(parser.add_argument_group("upload"))
    return parser.parse_args(arguments)


def _add_metadata(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--project", default="", metavar="ID", help="the project")
    group.add_argument("--instrument", default="", metavar="ID", help="the instrument")
    group.add_argument("--submitter", default="", metavar="ID", help="the person who uploads")
    group.add_argument("--key", action="append", default=[], metavar="KEY=VALUE", help="a key-value pair; repeatable")
    group.add_argument("--metadata", type=Path, metavar="FILE", help="a JSON list of entries; may hold ${placeholders}")
    group.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="the value of a placeholder; repeatable"
    )


def _add_access(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--url", default=os.environ.get(URL_VARIABLE), help="the address of the service")
    group.add_argument("--token-file", metavar="FILE", help="a file that contains only the token")
    group.add_argument("--user", metavar="NAME", help="your name, for facilities where a header names the user")
    group.add_argument(
        "--user-header", default=USER_HEADER, metavar="NAME", help=f"that header (default: {USER_HEADER})"
    )
    group.add_argument("--ca-file", metavar="FILE", help="the certificates (PEM) of the facility's own authority")
    group.add_argument("--proxy", metavar="URL", help="an HTTP(S) proxy")
    group.add_argument(
        "--retry-for",
        type=float,
        default=RETRY_SECONDS,
        metavar="SECONDS",
        help=f"how long to try again while the service is unavailable (default: {RETRY_SECONDS:.0f})",
    )


def _add_behavior(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="PATTERN",
        help="names to leave out, such as '*.tmp'; repeatable",
    )
    group.add_argument("--no-preflight", action="store_true", help="do not check the metadata before the upload")
    group.add_argument("--again", action="store_true", help="hash and send the files again, as another job")
    group.add_argument(
        "--move", action="store_true", help="send no bytes: the facility moves the files from its storage"
    )
    group.add_argument("--server-path", metavar="PATH", help="with --move: PATH as the facility's server sees it")
    group.add_argument(
        "--receipt",
        type=Path,
        metavar="FILE",
        help="save and verify the receipt, which permits you to delete your copy",
    )
    group.add_argument("--state-folder", type=Path, metavar="FOLDER", help="where to keep what is needed to resume")
    shown = group.add_mutually_exclusive_group()
    shown.add_argument("--json", action="store_true", help="print the result as JSON, for scripts")
    shown.add_argument("--quiet", action="store_true", help="print only errors")


def url_of(options: argparse.Namespace) -> str:
    """Return the address of the service; raises UsageError."""
    if not options.url:
        raise UsageError(f"the address of the service is missing; set --url or {URL_VARIABLE}")
    return str(options.url)


def transaction_of(options: argparse.Namespace) -> Transaction:
    """Return the transaction that the options describe; raises UsageError."""
    return Transaction(
        submitter=options.submitter,
        project=options.project,
        instrument=options.instrument,
        pairs=[_pair("--key", text) for text in options.key],
        template=options.metadata,
        placeholders=dict(_pair("--set", text) for text in options.set),
    )


def access_of(options: argparse.Namespace, environment: Mapping[str, str] = os.environ) -> Access:
    """Return the credentials and the way to the service."""
    headers = {"User-Agent": f"{APPLICATION}/{_version()}"}
    if options.user:
        headers[options.user_header] = options.user
    return Access(_token_of(options.token_file, environment), headers, options.ca_file, options.proxy)


def _token_of(path: str | None, environment: Mapping[str, str]) -> Callable[[], str] | None:
    path = path or environment.get(TOKEN_FILE_VARIABLE)
    if path:
        file = Path(path)
        return lambda: _read_token(file)
    token = environment.get(TOKEN_VARIABLE)
    return None if token is None else lambda: _checked_token(token, TOKEN_VARIABLE)


def _read_token(file: Path) -> str:
    try:
        return _checked_token(file.read_text(encoding="utf-8-sig"), str(file))
    except (OSError, ValueError) as error:
        raise UsageError(f"the token in {file} cannot be read: {error}") from error


def _checked_token(text: str, place: str) -> str:
    token = text.strip()
    if not token or not token.isascii() or not token.isprintable():
        raise UsageError(f"{place} must contain one token, and nothing else")
    return token


def _pair(option: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"{option} {text}: write NAME=VALUE")
    return name, value


def _version() -> str:
    try:
        return version(APPLICATION)
    except PackageNotFoundError:
        return "unknown"
