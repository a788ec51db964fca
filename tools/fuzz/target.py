"""One fuzz target under atheris: `python -m tools.fuzz.target NAME FOLDER [--planted] [libFuzzer's options]`.

Started by the runner (`python -m tools.fuzz`). FOLDER gets the slowest input. Instrumented modules must be imported
here first, before any other module imports them.
"""

import os
import signal
import sys
import time
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from hashlib import sha1
from pathlib import Path
from random import Random

import atheris

with atheris.instrument_imports(include=["ingest", "tarfile", "json", "api.receiving", "http_sf"]):
    from tools.fuzz.headers_oracle import check_headers
    from tools.fuzz.ledger import URL_VARIABLE
    from tools.fuzz.memory_file import MemoryFile
    from tools.fuzz.metadata_oracle import check_metadata
    from tools.fuzz.preflight_oracle import preflight_oracle
    from tools.fuzz.tar_mutations import joined, mutated, set_checksums
    from tools.fuzz.tar_oracle import check_tar

# GNU tar reads one of so many inputs, because starting a process is slow.
GNU_TAR_READS = 16
# Seconds by which an input must be slower than the slowest one to be saved.
SLOWER = 0.001

Check = Callable[[bytes], bool]


class Planted(AssertionError):
    """The defect that the smoke test plants, to see that a target finds one."""


class Measured:
    """A target that keeps its slowest input, by CPU time, in a folder."""

    def __init__(self, check: Check, folder: Path, *, planted: bool) -> None:
        self._check = check
        self._folder = folder
        self._planted = planted
        self._slowest = 0.0

    def __call__(self, data: bytes) -> None:
        """Check an input; called by atheris. An exception is a finding."""
        began = time.process_time()
        try:
            self._try(data)
        except Exception:
            self._save(data)
            raise
        self._note(data, time.process_time() - began)

    def _try(self, data: bytes) -> None:
        if self._check(data) and self._planted:
            raise Planted("an input that is accepted")

    def _save(self, data: bytes) -> None:
        """Save a finding as libFuzzer does; its timer may end the process before it saves the finding."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        digest = sha1(data, usedforsecurity=False).hexdigest()
        (self._folder / f"crash-{digest}").write_bytes(data)

    def _note(self, data: bytes, seconds: float) -> None:
        if seconds > self._slowest + SLOWER:
            self._slowest = seconds
            (self._folder / "slowest").write_bytes(data)
            (self._folder / "slowest-seconds").write_text(f"{seconds:.4f}")


def tar_target(file: MemoryFile) -> Check:
    """Return the check of a tar; whether GNU tar reads it too depends on its bytes, so that a finding can be repeated."""
    return lambda tar: check_tar(file, tar, gnu_tar=zlib.crc32(tar) % GNU_TAR_READS == 0)


def check_of(name: str, folder: Path, opened: ExitStack) -> Check:
    """Return the check of a target; what it opens is closed with `opened`."""
    if name == "tar":
        return tar_target(opened.enter_context(MemoryFile()))
    if name == "preflight":
        return opened.enter_context(preflight_oracle(os.environ[URL_VARIABLE], folder)).check
    return {"metadata": check_metadata, "headers": check_headers}[name]


def mutate_tar(tar: bytes, max_size: int, seed: int) -> bytes:
    """Change headers and blocks as the properties do, or bytes as libFuzzer does, with checksums made right."""
    random = Random(seed)
    if random.randrange(2):
        return mutated(tar, random)[:max_size]
    changed = bytearray(atheris.Mutate(tar, max_size))
    set_checksums(changed)
    return bytes(changed)


def join_tars(first: bytes, second: bytes, max_size: int, seed: int) -> bytes:
    """Join two tars at blocks."""
    return joined(first, second, Random(seed))[:max_size]


def main() -> None:
    """Fuzz until libFuzzer ends the process."""
    program, name, folder, *options = sys.argv
    planted = "--planted" in options
    arguments = [program, *(option for option in options if option != "--planted")]
    with ExitStack() as opened:
        target = Measured(check_of(name, Path(folder), opened), Path(folder), planted=planted)
        mutations = {"custom_mutator": mutate_tar, "custom_crossover": join_tars} if name == "tar" else {}
        atheris.Setup(arguments, target, **mutations)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
