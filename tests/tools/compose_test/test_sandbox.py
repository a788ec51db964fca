"""The sandbox of `make compose-test`: what ends with it, and that nothing of it is seen outside."""

import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tools.compose_test import sandbox
from tools.waiting import wait_until

BRIDGE = "in-sandbox0"
SECONDS = 60

pytestmark = pytest.mark.skipif(
    os.getuid() != 0 or shutil.which("slirp4netns") is None, reason="needs root and Debian's slirp4netns"
)


def interfaces() -> set[str]:
    return {path.name for path in Path("/sys/class/net").iterdir()}


def running(text: str) -> bool:
    """Return whether a process has an argument."""
    return any(text in (process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"]))


def test_the_exit_status_is_that_of_the_command_and_its_bridge_is_seen_only_inside(tmp_path: Path) -> None:
    before = interfaces()
    command = ["sh", "-ec", f"ip link add {BRIDGE} type bridge; ls /sys/class/net > {tmp_path}/seen; exit 7"]
    assert (
        sandbox.run(["unshare", "--mount", "sh", "-ec", 'mount -t sysfs none /sys; exec "$@"', "-", *command], tmp_path)
        == 7
    )
    assert BRIDGE in (tmp_path / "seen").read_text().split()
    assert interfaces() == before


def test_a_killed_run_leaves_no_process(tmp_path: Path) -> None:
    # Its processes are known by this argument: a number of seconds that no other process sleeps.
    sleep = f"{secrets.randbelow(10**6) + 10**6}"
    imports = "from pathlib import Path; from tools.compose_test import sandbox"
    code = f"{imports}; sandbox.run(['sleep', '{sleep}'], Path('{tmp_path}'))"
    run = subprocess.Popen([sys.executable, "-c", code])
    try:
        wait_until(lambda: running(sleep), SECONDS, lambda: "the command has not started")
    finally:
        run.kill()
        run.wait(SECONDS)
    wait_until(lambda: not running(sleep), SECONDS, lambda: "the command continues")
    wait_until(lambda: not slirp4netns_of(tmp_path), SECONDS, lambda: "slirp4netns continues")


def slirp4netns_of(folder: Path) -> list[int]:
    """Return the processes that write to the log of slirp4netns in a folder."""
    log = str(folder / "slirp4netns.log")
    return [
        process.pid
        for process in psutil.process_iter(["name"])
        if process.info["name"] == "slirp4netns" and os.path.realpath(f"/proc/{process.pid}/fd/1") == log
    ]
