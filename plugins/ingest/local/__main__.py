"""`python -m ingest.local [--no-sample]`: run the whole stack on one machine, in the foreground. Called by `make run`.

Prepare, start and warm up the programs, ingest a sample bundle, run until SIGINT, SIGTERM or SIGHUP, stop everything.
"""

import os
import signal
import socket
import sys
import time
from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime
from types import FrameType

from ingest.errors.types import IngestError
from ingest.local import readiness
from ingest.local.airflow_client import AirflowClient
from ingest.local.credentials import ADMIN, Credentials, ensure_receipt_key, load_credentials
from ingest.local.daily_cleanup import DailyCleanup
from ingest.local.environment import check_move_folders, own_environment, whole_environment, write_environment
from ingest.local.layout import Layout, find_layout, lock, make_folders
from ingest.local.ports import Ports, check_free, find_ports
from ingest.local.postgres import create_databases, migrate, start_postgres
from ingest.local.privileges import account
from ingest.local.reporting import LaunchFailure, complain, say, step
from ingest.local.sample import ingest_sample
from ingest.local.supervision import Supervisor
from ingest.local.watchdog import Watchdog
from ingest.settings.loading import load_settings

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
WATCH_SECONDS = 1.0
SUPERVISOR_SECONDS = 60
PRIVATE_UMASK = 0o077


class Stopped(BaseException):
    """The launcher received a signal to stop. Not an `Exception`, so that no handler of errors catches it."""


def main() -> int:
    """Run the stack until a signal arrives, and return the exit status."""
    arguments = _arguments()
    _handle_signals()
    # supervisord's XML-RPC transport has no time-out of its own.
    socket.setdefaulttimeout(SUPERVISOR_SECONDS)
    try:
        launch(arguments)
    except Stopped:
        say("Stopped.")
    except LaunchFailure as failure:
        complain(failure)
        return 1
    except IngestError as error:
        complain(LaunchFailure(error.text))
        return 1
    return 0


def launch(arguments: Namespace) -> None:
    """Prepare the instance's folder, start everything and keep it running; raises LaunchFailure and Stopped."""
    layout, ports = find_layout(os.environ), find_ports(os.environ)
    # No other account of the machine may read the files that the programs of the stack write.
    os.umask(PRIVATE_UMASK)
    # Fail before anything is written.
    account()
    make_folders(layout)
    descriptor = lock(layout)
    check_free(ports)
    first_start = not layout.secrets.exists()
    credentials = load_credentials(layout)
    ensure_receipt_key(layout)
    own = own_environment(os.environ, layout, ports, credentials)
    write_environment(layout, own)
    environment = whole_environment(os.environ, own)
    check_move_folders(environment)
    say(f"Pacifica Ingest on Airflow, in {layout.home}")
    supervisor = Supervisor(layout, environment, descriptor)
    try:
        started = time.monotonic()
        start(supervisor, ports, credentials, environment)
        _say_ready(layout, ports, time.monotonic() - started)
        say_password(layout, credentials, first_start=first_start)
        readiness.say_obstacles(load_settings(environment))
        if not arguments.no_sample:
            ingest_sample(ports, load_settings(environment).authentication)
            say("\nCtrl-C stops everything.")
        keep_running(supervisor, Watchdog(supervisor, AirflowClient(ports, credentials)), DailyCleanup(supervisor))
    finally:
        _stop(supervisor)


def start(supervisor: Supervisor, ports: Ports, credentials: Credentials, environment: dict[str, str]) -> None:
    """Start the programs in order and warm them up; raises LaunchFailure."""
    since = datetime.now(UTC)
    airflow = AirflowClient(ports, credentials)
    with step("PostgreSQL"):
        supervisor.wait_for_start()
        start_postgres(supervisor)
        create_databases(supervisor.layout)
    with step("database schemas"):
        migrate(supervisor, environment)
    with step("Airflow's api-server"):
        for name in supervisor.services:
            supervisor.start(name)
        readiness.wait_for_airflow(supervisor, airflow)
        readiness.set_pool(supervisor, airflow, environment)
    with step("API"):
        readiness.wait_for_api(supervisor, ports)
    with step("scheduler and dag-processor"):
        readiness.wait_for_heartbeats(supervisor, airflow, since)
        readiness.wait_for_dags(supervisor, airflow)
    with step("warm-up"):
        readiness.warm_up(supervisor, airflow)


def keep_running(supervisor: Supervisor, watchdog: Watchdog, cleanup: DailyCleanup) -> None:
    """Watch the programs, and clean Airflow's tables once a day, until a signal raises Stopped.

    Raises LaunchFailure when supervisord has ended or has given up on a program.
    """
    while True:
        supervisor.check_running(*supervisor.services)
        watchdog.check()
        cleanup.check()
        time.sleep(WATCH_SECONDS)


def _say_ready(layout: Layout, ports: Ports, seconds: float) -> None:
    say(f"Ready: API {ports.ingest_url}, Airflow {ports.airflow_url}")
    say(f"  Upload and follow jobs in a browser: {ports.ingest_url}/ui/")
    say(f"  The start took {seconds:.1f} s. The logs are in {layout.logs}.")


def say_password(layout: Layout, credentials: Credentials, *, first_start: bool) -> None:
    """Show the password once, when it was created, and only on a terminal: other output may end up in a log."""
    if first_start and sys.stdout.isatty():
        say(
            f"  Log in to Airflow as {ADMIN} with {credentials.admin_password} (shown only now, kept in {layout.secrets})."
        )
    else:
        say(f"  Log in to Airflow as {ADMIN}; the password is kept in {layout.secrets}.")


def _stop(supervisor: Supervisor) -> None:
    # Another Ctrl-C would not stop the programs faster, but could leave some of them running.
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    with step("\n  everything stopped" if sys.stdout.isatty() else "everything stopped"):
        supervisor.stop()


def _handle_signals() -> None:
    def stop(_number: int, _frame: FrameType | None) -> None:
        raise Stopped

    for number in STOP_SIGNALS:
        # Under `nohup`, SIGHUP stays ignored. A script's background job starts with SIGINT ignored, too, but a SIGINT that
        # is sent to it is meant for it.
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)


def _arguments() -> Namespace:
    parser = ArgumentParser(prog="python -m ingest.local", description="Run the whole stack on this machine.")
    parser.add_argument("--no-sample", action="store_true", help="do not ingest a sample bundle")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
