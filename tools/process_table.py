"""The processes of this machine, from /proc. Used by `stack_processes` and by tests."""

from pathlib import Path

PROC = Path("/proc")


def is_alive(process: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    return read_file(process, "stat").rpartition(")")[2].split()[:1] not in ([], ["Z"])


def parent_of(process: int) -> int:
    """Return the parent of a process that runs."""
    return int(read_file(process, "stat").rpartition(")")[2].split()[1])


def children_of(parents: list[int]) -> list[int]:
    """Return the children of processes, of all their threads."""
    lists = [path for parent in parents for path in PROC.glob(f"{parent}/task/*/children")]
    return [int(child) for path in lists for child in _text(path).split()]


def command_of(process: int) -> str:
    """Return the command line of a process, or the title that it gave itself."""
    return read_file(process, "cmdline").replace("\0", " ")


def read_file(process: int, name: str) -> str:
    """Return a file of a process; an empty text if the process has ended."""
    return _text(PROC / str(process) / name)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        # The process has ended.
        return ""
