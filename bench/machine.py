"""Describe the machine and the commit that the figures belong to."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

GIT_SECONDS = 10
PROJECT = Path(__file__).resolve().parents[1]


def machine(folder: Path) -> dict[str, str]:
    """Return the machine's properties by name; `folder` is on the file system to measure."""
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "file system": _file_system(folder),
        "Python": platform.python_version(),
        "Airflow": version("apache-airflow"),
        "load at the start": f"{os.getloadavg()[0]:.1f}",
        "commit": commit(),
        "date": date(),
    }


def commit() -> str:
    """Return the measured commit, with a `+` if the work tree has uncommitted changes."""
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!bench/results.json", ":!docs")
    return _git("rev-parse", "--short", "HEAD") + ("+" if changed else "")


def date() -> str:
    """Return the current date and time in UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _file_system(folder: Path) -> str:
    mounts = [part for part in psutil.disk_partitions(all=True) if folder.resolve().is_relative_to(part.mountpoint)]
    found = max(mounts, key=lambda part: len(part.mountpoint))
    return f"{found.fstype} on {found.device} ({found.opts})"


def _git(*words: str) -> str:
    done = subprocess.run(
        ["git", *words],  # noqa: S607 - the git on the PATH
        cwd=PROJECT, capture_output=True, text=True, timeout=GIT_SECONDS, check=False,
    )  # fmt: skip
    return done.stdout.strip()
