"""Secrets stay in the files that keep them: none is in a log, Airflow, the ledger, a command line or an answer.

`/proc/<id>/environ` contains secrets; only the account that runs the stack can read it.
"""

import json
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import requests
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from ingest.errors.types import ConfigurationError
from ingest.ledger.models import File
from ingest.local.environment import database_url
from ingest.local.layout import Layout
from ingest.settings.loading import load_settings
from tests.archive_outage import ArchiveOutage
from tests.faults.end_assertions import wait_until_not_spooled
from tests.hostile_texts import ALL_HOSTILE
from tools.bundles import make_bundle, make_tar, metadata_of
from tools.stack import TIMEOUT_SECONDS, Stack

KEPT = {"secrets", "environment", "airflow/passwords.json"}
SHORTEST = 12


@pytest.fixture(scope="module")
def secrets(stack: Stack) -> dict[str, str]:
    """Return every secret by its name: passwords, keys, and a token that Airflow issued."""
    kept = json.loads((stack.home / "secrets").read_text())
    log_in = {"username": "admin", "password": kept["admin_password"]}
    answer = requests.post(f"{stack.airflow}/auth/token", json=log_in, timeout=TIMEOUT_SECONDS)
    return {**kept, "token": answer.json()["access_token"]}


@pytest.fixture(scope="module")
def jobs(stack: Stack) -> list[int]:
    """Post a good job, a rejected one, two with hostile names, and one during an outage of the archive."""
    good, rejected = stack.post(make_bundle()), stack.post(make_bundle(metadata=metadata_of({"data/other": b"x"})))
    hostile = stack.post(make_tar({ALL_HOSTILE: b"x"})), stack.post(make_bundle(metadata=f"[{ALL_HOSTILE}".encode()))
    for job in (good, rejected, *hostile):
        stack.wait_for_end(job)
    with ArchiveOutage(stack.home / "archive").unavailable():
        unlucky = stack.post(make_bundle())
        stack.wait(unlucky, lambda state: bool(state["exception"]))
    stack.wait_for_end(unlucky)
    # The tests read every file, so none may be removed meanwhile.
    wait_until_not_spooled(stack, good, unlucky)
    return [good, rejected, unlucky, *hostile]


def found(secrets: dict[str, str], text: str | bytes) -> set[str]:
    """Return the names of the secrets that a text contains."""
    looked_at = text.encode() if isinstance(text, str) else text
    return {name for name, secret in secrets.items() if secret.encode() in looked_at}


def test_secrets_are_long_enough_to_be_looked_for(secrets: dict[str, str]):
    assert len(secrets) >= 6
    assert all(len(secret) >= SHORTEST for secret in secrets.values())
    assert found(secrets, f"... {secrets['fernet_key']} ...") == {"fernet_key"}


def test_no_other_file_contains_a_secret(stack: Stack, secrets: dict[str, str], jobs: list[int]):
    paths = [path for path in stack.home.rglob("*") if path.is_file() and "postgres" not in path.parts]
    leaking = {str(path.relative_to(stack.home)) for path in paths if found(secrets, path.read_bytes())}
    assert leaking == KEPT
    assert any("job-" in str(path) for path in paths), "the logs of tasks are among them"


def test_no_log_contains_a_control_character_of_terminals(stack: Stack, jobs: list[int]):
    obeyed = {}
    for path in stack.home.rglob("*.log"):
        lines = path.read_text(encoding="utf-8", errors="surrogateescape").split("\n")
        obeyed[str(path.relative_to(stack.home))] = [
            line for line in lines if not line.replace("\t", " ").isprintable()
        ]
    assert sum(1 for name in obeyed if f"job-{jobs[-1]}" in name) > 1
    assert {name: lines for name, lines in obeyed.items() if lines} == {}


def test_files_that_keep_secrets_are_readable_by_their_owner_only(stack: Stack):
    assert {(stack.home / name).stat().st_mode & 0o777 for name in KEPT} == {0o600}


def test_files_of_the_stack_are_readable_by_their_owner_only(stack: Stack, ledger: Engine, jobs: list[int]):
    with Session(ledger) as session:
        archived = {str(file_id) for file_id in session.scalars(select(File.file_id).where(File.job_id.in_(jobs)))}
    open_to_others = set()
    for path in stack.home.rglob("*"):
        top, name = path.relative_to(stack.home).parts[0], path.name
        # Sources of moves keep the permissions of their owners, in the archive too.
        moved = top == "move" or (top == "archive" and path.is_file() and name not in archived)
        if top != "postgres" and not moved and not path.is_symlink() and path.stat().st_mode & 0o007:
            open_to_others.add(str(path.relative_to(stack.home)))
    assert open_to_others == set()


def paths_of(job: int) -> Iterator[str]:
    run = f"/dags/ingest/dagRuns/job-{job}"
    yield run
    yield f"{run}/taskInstances"
    for task in ("open_tar", "load_metadata", "ingest_files"):
        yield f"{run}/taskInstances/{task}/logs/1"
        yield f"{run}/taskInstances/{task}/xcomEntries"


def answers(stack: Stack, paths: list[str], user: str, secrets: dict[str, str]) -> dict[str, requests.Response]:
    """Return Airflow's answers to an account."""
    log_in = {"username": user, "password": secrets[f"{user}_password"]}
    token = requests.post(f"{stack.airflow}/auth/token", json=log_in, timeout=TIMEOUT_SECONDS).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    return {
        path: requests.get(f"{stack.airflow}/api/v2{path}", headers=headers, timeout=TIMEOUT_SECONDS) for path in paths
    }


@pytest.mark.parametrize("user", ["admin", "ingest"])
def test_airflow_answers_no_secret(stack: Stack, secrets: dict[str, str], jobs: list[int], user: str):
    paths = [path for job in jobs for path in paths_of(job)]
    paths += ["/config", "/connections", "/variables", "/eventLogs?limit=1000", "/dags/ingest/details", "/plugins"]
    given = answers(stack, paths, user, secrets)
    assert {
        path: found(secrets, answer.content) for path, answer in given.items() if found(secrets, answer.content)
    } == {}
    assert all(given[path].ok for path in paths_of(jobs[0]))


@pytest.mark.parametrize("path", ["/dags/ingest/dagRuns", "/config", "/eventLogs"])
@pytest.mark.parametrize("password", [None, "admin", "airflow", ""])
def test_airflow_admits_no_one_without_a_password_of_its_own(stack: Stack, path: str, password: str | None):
    if password is not None:
        log_in = {"username": "admin", "password": password}
        assert requests.post(f"{stack.airflow}/auth/token", json=log_in, timeout=TIMEOUT_SECONDS).status_code in {
            400,
            401,
        }
    assert requests.get(f"{stack.airflow}/api/v2{path}", timeout=TIMEOUT_SECONDS).status_code == 401


@pytest.mark.parametrize("database", ["ingest", "airflow"])
def test_no_table_holds_a_secret(stack: Stack, secrets: dict[str, str], jobs: list[int], database: str):
    url = database_url(Layout(stack.home), database).replace("+psycopg2", "")
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        tables = [name for (name,) in cursor.fetchall()]
        assert len(tables) > 5
        for table in tables:
            cursor.execute(f"SELECT coalesce(string_agg(whole::text, chr(10)), '') FROM \"{table}\" AS whole")
            leaked = [found(secrets, whole) for (whole,) in cursor.fetchall()]
            assert (table, leaked) == (table, [set()])


def processes_of(stack: Stack) -> dict[Path, bytes]:
    """Return the stack's processes and their command lines: those with its environment, and their descendants."""
    mine, parents, found = f"INGEST_HOME={stack.home}".encode(), {}, set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parents[process.name] = (process / "stat").read_text().rpartition(")")[2].split()[1]
            if mine in (process / "environ").read_bytes().split(b"\0"):
                found.add(process.name)
    while more := {each for each, parent in parents.items() if parent in found} - found:
        found |= more
    running = {}
    for number in found:
        with suppress(OSError):
            running[Path("/proc") / number] = (Path("/proc") / number / "cmdline").read_bytes()
    return running


def test_no_command_line_shows_a_secret(stack: Stack, secrets: dict[str, str]):
    running = processes_of(stack)
    assert any(b"gunicorn" in line or b"pacifica-ingest" in line for line in running.values())
    assert any(b"airflow" in line for line in running.values())
    assert any(b"postgres" in line for line in running.values())
    assert {line for line in running.values() if found(secrets, line)} == set()
    with suppress(OSError):
        assert {(process / "environ").stat().st_mode & 0o777 for process in running} == {0o400}


def test_no_answer_and_no_command_shows_a_secret(stack: Stack, secrets: dict[str, str], jobs: list[int]):
    texts = [json.dumps(stack.state(job)) for job in jobs]
    texts += [
        requests.get(f"{stack.api}{path}", timeout=TIMEOUT_SECONDS).text for path in ("/", "/readyz", "/get_state")
    ]
    for job, options in ((jobs[0], []), (jobs[2], ["--json"])):
        shown = stack.command("show", "--job-id", str(job), *options)
        assert shown.returncode == 0
        texts += [shown.stdout, shown.stderr]
    assert found(secrets, "\n".join(texts)) == set()


def run_with_settings(stack: Stack, *arguments: str, **settings: str) -> Any:
    environment = {**stack.environment, **settings}
    return Stack(stack.home, stack.api, stack.airflow, environment).command(*arguments)


UNAVAILABLE_URL = "http://me:hidden-in-the-url@127.0.0.1:1/x?key=hidden-in-the-url"


@pytest.mark.parametrize("name", ["METADATA_INGEST_URL", "ARCHIVEINTERFACE_URL"])
def test_command_whose_service_is_unavailable_does_not_show_the_password_in_its_url(
    stack: Stack, jobs: list[int], name: str
):
    result = run_with_settings(stack, "reconcile", "--job-id", str(jobs[0]), **{name: UNAVAILABLE_URL})
    assert result.returncode == 1
    assert "127.0.0.1:1" in result.stderr
    assert "hidden" not in result.stdout + result.stderr


def test_command_that_cannot_reach_airflow_does_not_show_the_password_in_its_url(stack: Stack, jobs: list[int]):
    result = run_with_settings(stack, "retry", "--job-id", str(jobs[1]), INGEST_AIRFLOW_URL=UNAVAILABLE_URL)
    assert result.returncode == 1
    assert "127.0.0.1:1" in result.stderr
    assert "hidden" not in result.stdout + result.stderr
    assert stack.command("retry", "--job-id", str(jobs[1])).returncode == 0
    assert stack.wait_for_end(jobs[1])["state"] == "FAILED"


def test_wrong_database_does_not_show_its_password(stack: Stack):
    url = "postgresql://me:hidden-password@127.0.0.1:1/x"
    result = run_with_settings(stack, "show", "--job-id", "1", INGEST_DATABASE_URL=url, DATABASE_CONNECT_ATTEMPTS="1")
    assert result.returncode == 1
    assert "hidden-password" not in result.stdout + result.stderr
    with pytest.raises(ConfigurationError) as refused:
        load_settings({"INGEST_DATABASE_URL": "postgresql://me:hidden-password@:port/x"})
    assert "hidden-password" not in refused.value.text
