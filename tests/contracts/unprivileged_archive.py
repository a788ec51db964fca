"""Run ArchiveInterface as another account than root, as its Docker image does: it cannot overwrite its read-only files.

Used by the contract of the archive, and by the stages' tests against an archive that refuses an id that exists.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ingest.local.privileges import account
from tools.pacifica_core.core import wait_for_answer
from tools.pacifica_core.environment import core_binaries
from tools.pacifica_core.services import ARCHIVE, Service
from tools.stack import free_port

STOP_SECONDS = 20
CAP_DAC_READ_SEARCH = 2


@contextmanager
def unprivileged_archive() -> Iterator[str]:
    """Run one archive, as another account if the tests run as root; yield its URL."""
    with unprivileged_archives(1) as [url]:
        yield url


@contextmanager
def unprivileged_archives(count: int) -> Iterator[list[str]]:
    """Run several archives on one folder, as docs/how-to/scale.md recommends; yield their URLs."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name, ExitStack() as stack:
        Path(name).chmod(0o755)
        services = [Service(ARCHIVE, free_port(), Path(name) / f"{ARCHIVE}{number}") for number in range(count)]
        for service in services:
            service.write_configuration(Path(name), {})
            if service is services[0]:
                service.archive.mkdir()
            else:
                service.archive.symlink_to(services[0].archive)
        for path in Path(name).rglob("*"):
            give_to_archive_account(path)
        for service in services:
            stack.enter_context(_running(service))
        yield [service.url for service in services]


def give_to_archive_account(path: Path) -> None:
    """Give a file or folder to the archive's account."""
    if user := account():
        shutil.chown(path, user.pw_uid, user.pw_gid)


def share_with_archive(folder: Path) -> None:
    """Allow the archive's group to write to a folder that this account keeps."""
    if user := account():
        shutil.chown(folder, group=user.pw_gid)
        folder.chmod(0o770)


@contextmanager
def _running(service: Service) -> Iterator[None]:
    process = _start(service)
    try:
        wait_for_answer(service, process)
        yield
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def _start(service: Service) -> subprocess.Popen[bytes]:
    with service.log.open("wb") as log:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *_account_options(), *service.command(core_binaries())],
            env={"PATH": os.environ["PATH"], **service.environment()},
            cwd=service.folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def _account_options() -> list[str]:
    user = account()
    if user is None:
        return []
    options = ["--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups"]
    if _holds(CAP_DAC_READ_SEARCH):
        # Its Python may be in a folder that other accounts cannot read, such as /root. This permits reading only.
        options += ["--inh-caps", "-all,+dac_read_search", "--ambient-caps", "-all,+dac_read_search"]
    return options


def _holds(capability: int) -> bool:
    fields = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return bool(int(fields["CapPrm"], 16) >> capability & 1)
