"""Namespaces of their own for the engine: its network, mounts and processes end with it. Called by `__main__`.

slirp4netns connects the new network to the machine's without a rule of iptables or a setting of the kernel outside.
"""

import subprocess
from contextlib import suppress
from pathlib import Path

from tools.waiting import wait_until

CGROUPS = Path("/sys/fs/cgroup")
DEVICE = "tap0"
# The kernel ends both programs with this one, also if this one is killed.
END_WITH_PARENT = ("setpriv", "--pdeathsig=KILL")
CONNECT_SECONDS = 30
STOP_SECONDS = 30


def run(command: list[str], folder: Path) -> int:
    """Run a command in the sandbox; return its exit status."""
    isolated = subprocess.Popen(
        [*END_WITH_PARENT, "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", *command]
    )
    network = _connect(_child_of(isolated), folder)
    try:
        return isolated.wait()
    finally:
        isolated.kill()
        isolated.wait(STOP_SECONDS)
        network.terminate()
        network.wait(STOP_SECONDS)
        _remove_cgroups(cgroup_of(folder))


def wait_for_network() -> None:
    """Wait, inside the sandbox, until it is connected."""
    listed = Path("/proc/net/route")
    wait_until(lambda: DEVICE in listed.read_text(), CONNECT_SECONDS, lambda: "slirp4netns did not connect the sandbox")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True, timeout=STOP_SECONDS)


def cgroup_of(folder: Path) -> str:
    """Return the name of the cgroup of all containers."""
    return folder.name


def _child_of(process: subprocess.Popen[bytes]) -> int:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    wait_until(lambda: bool(children.read_text().split()), CONNECT_SECONDS, lambda: "unshare has started no process")
    return int(children.read_text().split()[0])


def _connect(pid: int, folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "slirp4netns.log").open("wb") as log:
        command = [*END_WITH_PARENT, "slirp4netns", "--configure", "--mtu=65520", str(pid), DEVICE]
        return subprocess.Popen(command, stdout=log, stderr=log)


def _remove_cgroups(name: str) -> None:
    """Remove the cgroups that killed containers leave, in each hierarchy of version 1 or in that of version 2."""
    roots = [*CGROUPS.glob(name), *CGROUPS.glob(f"*/{name}")]

    def removed() -> bool:
        for root in roots:
            for folder in sorted((each for each in root.rglob("*") if each.is_dir()), reverse=True):
                _remove(folder)
            _remove(root)
        return not any(root.exists() for root in roots)

    wait_until(removed, STOP_SECONDS, lambda: f"cgroups remain: {roots}")


def _remove(cgroup: Path) -> None:
    # Its processes may still be ending, or another hierarchy is mounted at the same place.
    with suppress(OSError):
        cgroup.rmdir()
