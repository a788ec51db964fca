"""A checkout of the project whose containers are driven as an admin drives them. Called by `run` and the scenarios."""

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.local.layout import PROJECT
from tools.compose_test import documented
from tools.compose_test.engine import Engine

IMAGE = "pacifica-ingest-airflow"
WORKER = "airflow-worker"
PROJECT_NAME = "pacifica-ingest"
SHELL_SECONDS = 400
LOG_LINES = 15
COPY = "git ls-files -z --cached --others --exclude-standard | tar --null --files-from=- --ignore-failed-read -cf -"


@dataclass(frozen=True)
class Deployment:
    """A checkout in a folder, with its `.env`."""

    engine: Engine
    folder: Path

    def compose(self, *arguments: str, stdin: str | None = None) -> str:
        """Run a `docker compose` command; return its output."""
        return self.engine.run("compose", *arguments, cwd=self.folder, stdin=stdin)

    @property
    def variables(self) -> Path:
        """The file that Compose reads the variables from."""
        return self.folder / ".env"

    def run_shell(self, commands: str) -> str:
        """Run documented commands in a shell, in the folder of the checkout; return their output."""
        return _run_shell(commands, self.folder, self.engine.environment)

    def command(self, service: str, *arguments: str) -> str:
        """Run pacifica-ingest-cmd in a service's container; return its output."""
        return self.compose("exec", "-T", service, "pacifica-ingest-cmd", *arguments)

    def query(self, sql: str, database: str = "airflow") -> list[str]:
        """Query a database as PostgreSQL's superuser; return the lines of the result."""
        psql = ("psql", "--username=pacifica", f"--dbname={database}", "--no-align", "--tuples-only", "--command", sql)
        return self.compose("exec", "-T", "postgres", *psql).splitlines()

    def hosts_that_send(self, job: int) -> list[str]:
        """Return the host name of the worker that sends the files of a job to the archive, if one does at the moment."""
        sending = "task_id = 'ingest_files' AND state = 'running'"
        return self.query(f"SELECT hostname FROM task_instance WHERE run_id = 'job-{job}' AND {sending}")

    def set(self, **variables: str) -> None:
        """Append variables to `.env`; a later line replaces an earlier one."""
        with self.variables.open("a") as file:
            file.writelines(f"{name}={value}\n" for name, value in variables.items())

    def containers(self) -> dict[str, dict[str, Any]]:
        """Return what the engine reports about each container, by its name, also about those that have ended."""
        ids = self.compose("ps", "--all", "--quiet").split()
        found = json.loads(self.engine.run("inspect", *ids)) if ids else []
        return {each["Name"].removeprefix(f"/{PROJECT_NAME}-"): each for each in found}

    def describe(self) -> str:
        """Return the state of each container, and the last lines of each log, for somebody who looks for a cause."""
        states = self.compose("ps", "--all", "--format", "{{.Name}} {{.Status}}")
        return f"{states}{self.compose('logs', '--no-color', f'--tail={LOG_LINES}')}"

    def ids(self) -> dict[str, str]:
        """Return the ID of each running container by its name."""
        return {name: each["Id"] for name, each in self.containers().items() if each["State"]["Running"]}

    def kill(self, container: str) -> None:
        """Kill the first process of a container, for example `airflow-worker-1`; the engine starts it again."""
        pid = self.containers()[container]["State"]["Pid"]
        assert pid, f"{container} does not run"
        os.kill(pid, signal.SIGKILL)


def check_out(engine: Engine, folder: Path, commit: str | None = None) -> Deployment:
    """Check out a commit of this project, with the passwords and keys that docs/how-to/install.md generates.

    Without a commit, copy the files of the working tree, so that a change can be tested before it is committed.
    """
    folder.mkdir()
    source = COPY if commit is None else f"git archive {commit}"
    _run_shell(f"({source}) | tar -xf - -C {folder}", PROJECT)
    _run_shell(documented.MAKE_PASSWORDS, folder)
    return Deployment(engine, folder)


def has_commit(commit: str) -> bool:
    """Return whether this checkout has a commit: one without history, as of an archive, has only its own."""
    command = ["git", "cat-file", "-e", f"{commit}^{{commit}}"]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, timeout=SHELL_SECONDS, check=False).returncode == 0


def _run_shell(commands: str, folder: Path, environment: Mapping[str, str] | None = None) -> str:
    command = ["bash", "-e", "-o", "pipefail", "-c", commands]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=SHELL_SECONDS, check=False
    )
    assert done.returncode == 0, f"{commands}: {done.stderr[-2000:]}"
    return done.stdout
