"""Where the stack on one machine keeps its state, and the lock that lets one launcher at a time use it.

    INGEST_HOME (default: var/ in the project)
     ├── lock                    held by the launcher and by supervisord
     ├── secrets                 made once: passwords and keys (0600)
     ├── environment             to be sourced by an admin's shell (0600)
     ├── supervisord.conf
     ├── sockets/                of PostgreSQL and supervisord (in the temp folder when the path is no good for sockets)
     ├── postgres/               the data of both databases
     ├── airflow/                AIRFLOW_HOME
     ├── spool/ archive/ move/   received bundles; the built-in archive; where moves may come from
     ├── staging/                in which files that are moved are handed over to an ArchiveInterface
     └── logs/                   a file for each program

Used by all of `ingest.local`.
"""

import fcntl
import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ingest.local.reporting import LaunchFailure

PROJECT = Path(__file__).parents[3]
PRIVATE = 0o700
FOLDERS = ("spool", "archive", "move", "staging")
# A socket's path has at most 107 bytes (unix(7)); the longest name here is `.supervisor.sock.<process id>`.
SOCKET_FOLDER_BYTES = 107 - len("/.supervisor.sock.4194304")
# What needs no quoting in a URL, in supervisord's configuration and in PostgreSQL's list of folders.
PLAIN_PATH = re.compile(r"[A-Za-z0-9/_.-]+")


@dataclass(frozen=True)
class Layout:
    """The folders and files of one instance."""

    home: Path

    @property
    def postgres(self) -> Path:
        """The data folder of PostgreSQL."""
        return self.home / "postgres"

    @property
    def airflow(self) -> Path:
        """AIRFLOW_HOME."""
        return self.home / "airflow"

    @property
    def logs(self) -> Path:
        """The folder of the programs' logs."""
        return self.home / "logs"

    @property
    def secrets(self) -> Path:
        """The file of the passwords and keys that were made at the first start."""
        return self.home / "secrets"

    @property
    def passwords(self) -> Path:
        """The file of passwords that Airflow's simple auth manager reads."""
        return self.airflow / "passwords.json"

    @property
    def sockets(self) -> Path:
        """The folder of the Unix sockets; its path is short and plain."""
        inside = self.home / "sockets"
        if PLAIN_PATH.fullmatch(str(inside)) and len(str(inside)) <= SOCKET_FOLDER_BYTES:
            return inside
        name = "pacifica-ingest-" + hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]
        outside = Path(tempfile.gettempdir()) / name
        if PLAIN_PATH.fullmatch(str(outside)) and len(str(outside)) <= SOCKET_FOLDER_BYTES:
            return outside
        return Path("/tmp") / name  # noqa: S108 - the folder is made private, and its owner is checked

    def log(self, program: str) -> Path:
        """The log of a program."""
        return self.logs / f"{program}.log"


def find_layout(environment: Mapping[str, str]) -> Layout:
    """Give the layout below `INGEST_HOME`; raises LaunchFailure for a path that PYTHONPATH could not hold."""
    if os.pathsep in str(PROJECT):
        raise LaunchFailure(f"the project cannot run in {PROJECT}: its path holds a '{os.pathsep}'; move it")
    home = environment.get("INGEST_HOME")
    return Layout(Path(home).expanduser().absolute() if home else PROJECT / "var")


def make_folders(layout: Layout) -> None:
    """Make the folders that are not there yet; raises LaunchFailure when one cannot be made or written to."""
    inside = [layout.home, layout.airflow, layout.logs, *(layout.home / name for name in FOLDERS)]
    try:
        for folder in (*inside, layout.sockets):
            folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    except OSError as error:
        raise LaunchFailure(
            f"cannot make {error.filename}: {error.strerror}; set INGEST_HOME to a folder that you can write to"
        ) from error
    _check_private(layout.sockets)


def lock(layout: Layout) -> int:
    """Take the lock of the instance and give its file descriptor; raises LaunchFailure when another one has it."""
    try:
        descriptor = os.open(layout.home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise LaunchFailure(
            f"cannot write to {layout.home}: {error.strerror}; set INGEST_HOME to a folder that you can write to"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise LaunchFailure(
            f"another instance runs, or is just stopping, in {layout.home}; stop it, or set INGEST_HOME"
        ) from error
    return descriptor


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, complete or not at all."""
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)


def _check_private(folder: Path) -> None:
    # Whoever can write here could put a socket of his own in the place of ours.
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise LaunchFailure(f"{folder} must be a folder of yours that nobody else can enter; remove it")
