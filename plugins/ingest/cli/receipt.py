"""The subcommand `receipt`: create the key that signs receipts, and verify a receipt. Needs no database."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from ingest.cli.options import Subcommands
from ingest.errors.types import ConfigurationError, ReceiptInvalid
from ingest.receipts.folder import compare
from ingest.receipts.keys import create_key, read_keys
from ingest.receipts.receipt import InvalidReceipt, Receipt, ReceiptFile, verify
from ingest.settings.loading import Settings
from ingest.system.sanitize import escape

FOUND = 3


def add(subcommands: Subcommands) -> None:
    """Declare the subcommand, which has subcommands of its own."""
    receipt = subcommands.add_parser("receipt", help="create the key of receipts, and verify a receipt")
    actions = receipt.add_subparsers(required=True, metavar="ACTION")
    key = actions.add_parser(
        "key",
        help="create the key that signs receipts from now on",
        description="Create a key in the folder that `receipt_key_folder` names, and print its id. A key that it replaces "
        "stays there as a public key, so its receipts can still be verified. The API uses the new key immediately.",
    )
    key.set_defaults(run=_create_key, needs_database=False)
    verifying = actions.add_parser(
        "verify",
        help="verify a receipt, and compare a folder with it",
        description=f"Exit code 0: the receipt is valid, and the folder has exactly its files; {FOUND}: the folder differs; "
        "1: the receipt is not valid.",
    )
    verifying.add_argument("receipt", type=Path, metavar="FILE", help="the receipt")
    verifying.add_argument(
        "--keys", type=Path, metavar="JWKS", help="the public keys (default: those of the folder `receipt_key_folder`)"
    )
    verifying.add_argument(
        "--files", type=Path, metavar="LIST", help="the list of files, for a receipt that has only their Merkle root"
    )
    verifying.add_argument("--folder", type=Path, metavar="FOLDER", help="the folder whose files to compare")
    verifying.add_argument(
        "--exclude", action="append", default=[], metavar="PATTERN", help="names in the folder to leave out; repeatable"
    )
    verifying.set_defaults(run=_verify, needs_database=False)


def _create_key(_options: argparse.Namespace, settings: Settings, _engine: Engine) -> int:
    print(create_key(_key_folder(settings)))  # noqa: T201 - a command speaks to a person
    return 0


def _verify(options: argparse.Namespace, settings: Settings, _engine: Engine) -> int:
    found = False
    with _errors_of_receipts():
        receipt = verify(options.receipt.read_text(encoding="ascii"), _keys(options.keys, settings))
        files = _files(receipt, options.files)
        if options.folder is None:
            # To its end, where a wrong list is noticed.
            count = sum(1 for _ in files)
            print(f"the receipt of job {receipt.job_id} is valid; it has {count} files")  # noqa: T201
            return 0
        for difference in compare(options.folder, files, tuple(options.exclude)):
            found = True
            print(f"{difference.kind}: {escape(difference.path)}: {escape(difference.reason)}")  # noqa: T201
    if found:
        print(f"the receipt is valid, but {options.folder} differs from job {receipt.job_id}", file=sys.stderr)  # noqa: T201
        return FOUND
    print(f"the receipt of job {receipt.job_id} is valid, and {options.folder} has exactly its files")  # noqa: T201
    return 0


def _files(receipt: Receipt, path: Path | None) -> Iterator[ReceiptFile]:
    if receipt.has_list:
        yield from receipt.files()
        return
    if path is None:
        raise InvalidReceipt(f"it has only the Merkle root of its {receipt.count} files; name their list with --files")
    with path.open("rb") as lines:
        yield from receipt.files(lines)


def _keys(path: Path | None, settings: Settings) -> Mapping[str, Any]:
    if path is None:
        return read_keys(_key_folder(settings)).public
    document = json.loads(path.read_bytes())
    if not isinstance(document, dict):
        raise InvalidReceipt(f"{path} is no JSON Web Key Set")
    return document


def _key_folder(settings: Settings) -> Path:
    if settings.receipt_key_folder is None:
        raise ConfigurationError("no folder of keys is set; set [receipts] key_folder or INGEST_RECEIPT_KEY_FOLDER")
    return settings.receipt_key_folder


@contextmanager
def _errors_of_receipts() -> Iterator[None]:
    try:
        yield
    except (InvalidReceipt, ValueError) as error:
        raise ReceiptInvalid(str(error)) from error
