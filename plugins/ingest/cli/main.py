"""`pacifica-ingest-cmd`: administer jobs, the database, tokens and receipts.

Called from a shell. Most subcommands are those of the original service. An error of the service is one line on stderr and
exit code 1; wrong usage is exit code 2.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from ingest.cli import archive, cancel, clean_airflow, job, receipt, reconcile, retry, schema, show, token, webhook
from ingest.errors.types import IngestError
from ingest.ledger.database import make_engine, wait_for_database
from ingest.settings.loading import CONFIG_FILE_VARIABLE, load_settings
from ingest.system.sanitize import to_one_line


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand and return the exit code."""
    options = parser().parse_args(arguments)
    try:
        named = {CONFIG_FILE_VARIABLE: options.config} if options.config is not None else {}
        settings = load_settings({**os.environ, **named})
        engine = make_engine(settings, pool_size=1)
        try:
            if options.needs_database:
                wait_for_database(settings, engine)
            return int(options.run(options, settings, engine))
        finally:
            engine.dispose()
    except (IngestError, OSError) as error:
        print(to_one_line(f"pacifica-ingest-cmd: {error}"), file=sys.stderr)  # noqa: T201 - a command speaks to a person
        return 1


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command, with its subcommands and their options."""
    command = argparse.ArgumentParser(prog="pacifica-ingest-cmd", description="Administer the jobs of Pacifica Ingest.")
    command.add_argument("-c", "--config", metavar="FILE", help=f"the INI file (default: ${CONFIG_FILE_VARIABLE})")
    command.set_defaults(needs_database=True)
    subcommands = command.add_subparsers(required=True, metavar="SUBCOMMAND")
    for each in (job, cancel, retry, show, reconcile, archive, schema, token, receipt, webhook, clean_airflow):
        each.add(subcommands)
    return command


if __name__ == "__main__":
    sys.exit(main())
