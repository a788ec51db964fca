"""The account of a program and its end with its parent: `prctl(2)`, `capabilities(7)`. Called by `ingest.local.program`.

PostgreSQL refuses to run as root. If the launcher is root, PostgreSQL runs as `nobody` and keeps one capability, with which
it can pass through folders that are closed to other accounts (a clone below /root) without changing them.
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
    """Make Linux send this process `signal` when its parent ends; exit immediately if the parent has ended."""
    if sys.platform != "linux":
        return
    _libc().prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(f"the parent {parent} has ended")


def adopt_orphans() -> None:
    """Make Linux reparent orphaned processes of the programs to this process.

    supervisord then reaps them; in a container the first process often does not.
    """
    if sys.platform == "linux":
        _libc().prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def account() -> pwd.struct_passwd | None:
    """Return the account that PostgreSQL runs as, None for the current one; raises LaunchFailure."""
    name = _name_of(os.geteuid())
    if name is None:
        raise LaunchFailure(
            f"user id {os.geteuid()} has no account; PostgreSQL and Airflow need an account with a name"
        )
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError as error:
        raise LaunchFailure(f"PostgreSQL cannot run as root, and the account '{ACCOUNT}' does not exist") from error


def become(user: pwd.struct_passwd) -> None:
    """Change to an account permanently, and keep the capability to enter closed folders if the kernel grants it."""
    linux = sys.platform == "linux"
    if linux:
        # Keep the capabilities when the account changes, and let access(2), which PostgreSQL uses to find its own
        # programs, respect them.
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
    # A container may lack the capability. Open folders then still work, and PostgreSQL reports one that does not.
    bit = 1 << capability
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    if _libc().capset(header, (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)) != 0:
        _libc().capset(header, (ctypes.c_uint32 * 6)())
        return
    _libc().prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
