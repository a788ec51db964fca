"""The environment of the real Pacifica packages, apart from ours because their pins clash.

Called by the fixture `core`, by the tests of clients and upgrade, by `make core`, and by the benchmark, which also has
a separate one. Each is created once, in `build/`, and again after a change of its requirements.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
BUILD = (PROJECT / "build").resolve()
INSTALL_SECONDS = 600


def core_binaries() -> Path:
    """Return the folder with the programs of the environment; create it if it does not exist."""
    return binaries_of("pacifica-core", REQUIREMENTS)


def binaries_of(name: str, requirements: Path) -> Path:
    """Return the folder with the programs of the environment `build/<name>`, which has the requirements."""
    folder = BUILD / name
    make_once(folder, _contents(folder, requirements), lambda: install(folder / "venv", requirements))
    return folder / "venv" / "bin"


def make_once(folder: Path, contents: str, make: Callable[[], None]) -> None:
    """Make what a folder holds unless it was made with the same `contents`, in one process at a time."""
    folder.mkdir(parents=True, exist_ok=True)
    stamp = folder / "complete"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != contents:
            make()
            stamp.write_text(contents)


def install(environment: Path, *requirements: Path) -> None:
    """Make an environment, instead of one that exists, that has the requirements of these files."""
    shutil.rmtree(environment, ignore_errors=True)
    # The environment gets no pip of its own, and Python compiles what the programs import: both take much time.
    _run(sys.executable, "-m", "venv", "--without-pip", str(environment))
    pip = [sys.executable, "-m", "pip", "--python", str(environment / "bin" / "python"), "--disable-pip-version-check"]
    options = ["-qq", "--no-compile", "--no-deps", "--require-hashes"]
    # The lock pins every package except psycopg2, which needs a compiler; psycopg2-binary replaces it.
    _run(*pip, "install", *options, *(word for path in requirements for word in ("-r", str(path))))


def _run(*command: str) -> None:
    # Without the variables of the environment of this process.
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    subprocess.run(command, check=True, timeout=INSTALL_SECONDS, env=own)


def _contents(folder: Path, requirements: Path) -> str:
    # A virtual environment depends on its folder and on the Python that made it.
    return f"{folder} {sys.version} {hashlib.sha256(requirements.read_bytes()).hexdigest()}"
