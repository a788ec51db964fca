"""The command `pacifica-ingest-upload`: calls the library, shows the result, and returns the exit status."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from pacifica_ingest_client.client import IngestClient, Options, Source
from pacifica_ingest_client.command.displays import display_of, escape_controls
from pacifica_ingest_client.command.options import access_of, parse, transaction_of, url_of
from pacifica_ingest_client.errors import ClientError, ExitStatus, Interrupted, UsageError
from pacifica_ingest_client.service.jobs import JobState


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    # The standard output may be a pipe in an encoding that cannot hold every name.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    signal.signal(signal.SIGTERM, _interrupt)
    is_json = False
    try:
        options = parse(arguments)
        is_json = options.json
        state = _run(options)
    except ClientError as error:
        return _fail(error, is_json=is_json)
    except KeyboardInterrupt:
        return _fail(Interrupted("interrupted; run the same command again to resume"), is_json=is_json)
    if is_json:
        _print_json("cataloged", ExitStatus.CATALOGED, state.job_id)
    elif not options.quiet:
        print(f"job {state.job_id} is cataloged")  # noqa: T201
    return ExitStatus.CATALOGED


def _run(options: argparse.Namespace) -> JobState:
    progress = display_of(quiet=options.quiet)
    client = IngestClient(
        url_of(options), access_of(options), options.retry_for, state=options.state_folder, progress=progress
    )
    source = Source(options.paths, options.exclude)
    how = Options(preflight=not options.no_preflight, again=options.again, receipt=options.receipt)
    if options.server_path and (not options.move or len(options.paths) > 1):
        raise UsageError("--server-path needs --move and exactly one PATH")
    try:
        if options.move:
            return client.move(source, transaction_of(options), options.server_path, how)
        return client.upload(source, transaction_of(options), how)
    finally:
        progress.finish()


def _fail(error: ClientError, *, is_json: bool) -> int:
    """Report an error; every fault on a line of its own."""
    if is_json:
        _print_json("failed", error.exit_status, error.job_id, error)
    else:
        for line in (error.text, *(f"  {fault}" for fault in error.faults)):
            print(f"pacifica-ingest-upload: {escape_controls(line)}", file=sys.stderr)  # noqa: T201
    return error.exit_status


def _print_json(result: str, status: ExitStatus, job_id: int | None, error: ClientError | None = None) -> None:
    document: dict[str, object] = {"result": result, "exit_status": int(status), "job_id": job_id}
    if error is not None:
        document["error"] = {"code": error.code, "message": error.text, "faults": list(error.faults)}
    print(json.dumps(document))  # noqa: T201


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
