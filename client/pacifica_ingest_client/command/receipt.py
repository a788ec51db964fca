"""The command `pacifica-ingest-receipt`: verifies a saved receipt offline, and compares a folder with it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pacifica_ingest_client.bundle.sources import OF_MACOS
from pacifica_ingest_client.command.displays import escape_controls
from pacifica_ingest_client.errors import ClientError, ExitStatus
from pacifica_ingest_client.saved_receipt import SavedReceipt

PROGRAM = "pacifica-ingest-receipt"
DESCRIPTION = """\
Verifies a receipt without the service. With --folder: hashes every file in the folder, and says which of them differ
from the archive, which are missing, and which the archive does not have. Delete the folder only after exit status 0.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    options = _parser().parse_args(arguments)
    saved = SavedReceipt(options.receipt, options.keys)
    try:
        if options.folder is not None:
            saved.compare(options.folder, (*OF_MACOS, *options.exclude))
            result = f"is valid, and {options.folder} has exactly its files"
        else:
            result = f"is valid; it has {sum(1 for _ in saved.files())} files"
        job_id = saved.verify().job_id
    except ClientError as error:
        for line in (error.text, *(f"  {fault}" for fault in error.faults)):
            print(f"{PROGRAM}: {escape_controls(line)}", file=sys.stderr)  # noqa: T201
        return error.exit_status
    print(f"the receipt of job {job_id} {escape_controls(result)}")  # noqa: T201
    return ExitStatus.CATALOGED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=PROGRAM, description=DESCRIPTION)
    parser.add_argument(
        "receipt", type=Path, metavar="FILE", help="the receipt, as pacifica-ingest-upload --receipt saved it"
    )
    parser.add_argument("--keys", type=Path, metavar="JWKS", help="public keys to trust instead of the saved ones")
    parser.add_argument("--folder", type=Path, metavar="FOLDER", help="the folder that was uploaded")
    parser.add_argument(
        "--exclude", action="append", default=[], metavar="PATTERN", help="names that were not uploaded; repeatable"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
