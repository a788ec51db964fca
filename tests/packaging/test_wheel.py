"""The built wheel, installed into an otherwise empty environment, provides both commands."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from zipfile import ZipFile

import pytest
import requests

from tests.api.live_server import NOWHERE, listening_port
from tests.ledger.test_migrations import fresh_database

PROJECT = Path(__file__).parents[2]
# What a wheel is built from, as pyproject.toml names it.
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "api", "plugins")
PACKAGES = {"api": PROJECT / "api", "ingest": PROJECT / "plugins" / "ingest"}
LEFT_OVER = shutil.ignore_patterns("__pycache__", "*.egg-info")
VERSION = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
PIP = ("-m", "pip", "--disable-pip-version-check")
INSTALL_SECONDS = 600
COMMAND_SECONDS = 120


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel, and a folder without files of the project."""

    binaries: Path
    folder: Path

    def run(self, *command: str, check: bool = True, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment, outside the project's tree."""
        program = str(self.binaries / command[0])
        return subprocess.run(
            [program, *command[1:]],
            env={**clean_environment(), **variables},
            cwd=self.folder,
            check=check,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )


def clean_environment() -> dict[str, str]:
    """Return this process's variables without those that lead Python or the service to files of the project."""
    prefixes = ("PYTHON", "VIRTUAL_ENV", "INGEST_", "AIRFLOW_")
    return {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}


def call(*command: str) -> None:
    subprocess.run(command, check=True, timeout=INSTALL_SECONDS, env=clean_environment())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy: in the tree, setuptools would add files that an earlier build left in `build/`."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, folder / "source" / name, ignore=LEFT_OVER)
        else:
            (folder / "source").mkdir(exist_ok=True)
            shutil.copy(source, folder / "source" / name)
    build = ("wheel", "-qq", "--no-deps", "--no-build-isolation", "--no-index")
    call(sys.executable, *PIP, *build, "--wheel-dir", str(folder), str(folder / "source"))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Install the wheel with `pip install` into a new environment, with the versions of requirements.txt."""
    folder = tmp_path_factory.mktemp("installed")
    # Without hashes: pip cannot check them while it resolves dependencies.
    pinned = re.findall(r"^[a-z0-9._-]+==[^\s\\]+", (PROJECT / "requirements.txt").read_text("utf-8"), re.MULTILINE)
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join(pinned), encoding="utf-8")
    call(sys.executable, "-m", "venv", str(folder / "venv"))
    binaries = folder / "venv" / "bin"
    call(str(binaries / "python"), *PIP, "install", "-qq", "--constraint", str(constraints), str(wheel))
    (folder / "empty").mkdir()
    return Installed(binaries, folder / "empty")


@pytest.fixture(scope="module")
def migrated(installed: Installed, database_url: str) -> Iterator[str]:
    """Yield the URL of a database whose tables the installed command created."""
    with fresh_database(database_url) as url:
        installed.run("pacifica-ingest-cmd", "dbsync", INGEST_DATABASE_URL=url)
        yield url


def test_the_wheel_holds_every_file_of_both_packages(wheel: Path) -> None:
    files = {
        f"{package}/{path.relative_to(folder).as_posix()}"
        for package, folder in PACKAGES.items()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert len(files) > 100
    assert held == files


def test_the_environment_has_all_that_the_wheel_requires_and_no_airflow(installed: Installed) -> None:
    installed.run("python", *PIP, "check")
    found = installed.run("python", *PIP, "list", "--format=freeze").stdout
    assert f"pacifica-ingest-airflow=={VERSION}\n" in found
    assert "apache-airflow" not in found


@pytest.mark.parametrize("command", ["pacifica-ingest", "pacifica-ingest-cmd"])
def test_the_commands_show_their_help(installed: Installed, command: str) -> None:
    assert installed.run(command, "--help").stdout.startswith(f"usage: {command} ")


def test_the_installed_command_makes_the_tables(installed: Installed, migrated: str) -> None:
    installed.run("pacifica-ingest-cmd", "dbchk", "--equal", INGEST_DATABASE_URL=migrated)


def test_the_installed_command_refuses_an_empty_database(installed: Installed, database_url: str) -> None:
    with fresh_database(database_url) as url:
        refused = installed.run("pacifica-ingest-cmd", "dbchk", check=False, INGEST_DATABASE_URL=url)
    assert refused.returncode == 1
    assert "dbsync" in refused.stderr


def test_the_installed_api_serves(installed: Installed, migrated: str, tmp_path: Path) -> None:
    own = {"INGEST_DATABASE_URL": migrated, "INGEST_AIRFLOW_URL": NOWHERE, "VOLUME_PATH": str(tmp_path)}
    with subprocess.Popen(
        [str(installed.binaries / "pacifica-ingest"), "-p", "0"],
        env={**clean_environment(), **own},
        cwd=installed.folder,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            url = f"http://127.0.0.1:{listening_port(server)}"
            # A server that logs into a full pipe would stop.
            Thread(target=server.stderr.read, daemon=True).start()  # type: ignore[union-attr]
            assert requests.get(url, timeout=60).json() == {"message": "Pacifica Ingest Up and Running"}
            assert requests.get(f"{url}/openapi.json", timeout=60).json()["info"]["version"] == VERSION
            assert requests.get(f"{url}/docs", timeout=60).ok
        finally:
            server.terminate()
