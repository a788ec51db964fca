"""The files of the stack on one machine, and the lock that allows one launcher at a time.

    INGEST_HOME (default: var/ in the project)
     ├── lock                    held by the launcher and by supervisord
     ├── secrets                 passwords and keys, created once (0600)
     ├── environment             variables for an admin's shell (0600)
     ├── supervisord.conf
     ├── sockets/                PostgreSQL and supervisord (in the temporary folder if this path is too long)
     ├── postgres/               the data of both databases
     ├── redis/                  the queue of CeleryExecutor
     ├── airflow/                AIRFLOW_HOME
     ├── spool/ archive/ move/   received bundles; the built-in archive; files that may be moved into it
     ├── receipt-keys/           the keys that sign receipts
     ├── staging/                files on their way to an ArchiveInterface, for moves
     └── logs/                   one file per program

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
# Paths that need no quoting in a URL, in supervisord's configuration and in PostgreSQL's list of folders.
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
    def redis(self) -> Path:
        """The data folder of Redis, which only CeleryExecutor uses."""
        return self.home / "redis"

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
        """The file of the passwords and keys."""
        return self.home / "secrets"

    @property
    def receipt_keys(self) -> Path:
        """The folder of the keys that sign receipts."""
        return self.home / "receipt-keys"

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
    """Return the layout below `INGEST_HOME`; raises LaunchFailure for a path that PYTHONPATH cannot hold."""
    if os.pathsep in str(PROJECT):
        raise LaunchFailure(f"the project cannot run in {PROJECT}: its path holds a '{os.pathsep}'; move it")
    home = environment.get("INGEST_HOME")
    return Layout(Path(home).expanduser().absolute() if home else PROJECT / "var")


def make_folders(layout: Layout) -> None:
    """Create missing folders; raises LaunchFailure when one cannot be created."""
    inside = [layout.home, layout.airflow, layout.logs, layout.redis, *(layout.home / name for name in FOLDERS)]
    try:
        for folder in (*inside, layout.sockets):
            folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    except OSError as error:
        raise LaunchFailure(
            f"cannot create {error.filename}: {error.strerror}; set INGEST_HOME to a folder that you can write to"
        ) from error
    _check_private(layout.sockets)


def lock(layout: Layout) -> int:
    """Lock the instance and return the lock's file descriptor; raises LaunchFailure when another launcher holds it."""
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
            f"another instance runs or is stopping in {layout.home}; stop it, or set INGEST_HOME"
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
    # An account that can write here could replace our sockets by its own.
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise LaunchFailure(f"{folder} must be a folder that belongs to you and that only you can enter; remove it")
