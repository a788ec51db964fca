"""Who a program runs as and whom it dies with: `prctl(2)`, `capabilities(7)`. Called by `ingest.local.program`.

PostgreSQL refuses to run as root. As root it therefore runs as `nobody`, but keeps the one capability that lets it
through folders that are closed to others (a clone below /root), because their permissions are not ours to change.
"""

import ctypes
import os
import pwd
import sys

from ingest.local.reporting import LaunchFailure

ACCOUNT = "nobody"
PR_SET_PDEATHSIG = 1
PR_SET_SECUREBITS = 28
PR_SET_CHILD_SUBREAPER = 36
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
SECBIT_NO_SETUID_FIXUP = 1 << 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522


def die_with(parent: int, signal: int) -> None:
    """Ask Linux to send this process `signal` when its parent ends; ends at once when it has ended already."""
    if sys.platform != "linux":
        return
    _libc().prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(f"the parent {parent} has ended")


def adopt_orphans() -> None:
    """Ask Linux to make this process the parent of what its programs leave behind.

    supervisord then collects what was killed, where the machine's first process does not (in a container, often).
    """
    if sys.platform == "linux":
        _libc().prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def account() -> pwd.struct_passwd | None:
    """Give the account that PostgreSQL runs as, or None when that is the present one; raises LaunchFailure."""
    name = _name_of(os.geteuid())
    if name is None:
        raise LaunchFailure(f"the user id {os.geteuid()} has no account, and PostgreSQL and Airflow need its name")
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError as error:
        raise LaunchFailure(f"PostgreSQL does not run as root, and there is no account '{ACCOUNT}' for it") from error


def become(user: pwd.struct_passwd) -> None:
    """Become that account for good, and keep the right to enter closed folders where the kernel grants it."""
    linux = sys.platform == "linux"
    if linux:
        # Keeps the capabilities when the account changes, and lets access(2), by which PostgreSQL looks for its own
        # programs, take them into account.
        _libc().prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    if linux:
        _keep_only(CAP_DAC_OVERRIDE)


def _name_of(user_id: int) -> str | None:
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return None


def _keep_only(capability: int) -> None:
    # A container may lack the capability. Then open folders still work, and PostgreSQL says which one does not.
    bit = 1 << capability
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    if _libc().capset(header, (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)) != 0:
        _libc().capset(header, (ctypes.c_uint32 * 6)())
        return
    _libc().prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
