"""`make fuzz` runs, prints its reports, and finds a planted defect."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools.fuzz.__main__ import ROOT, TARGETS

pytest.importorskip("atheris")

# The timeout of a run, which ends by itself.
SECONDS = 60
RUNS = 300
# Each check makes tables in the database, so it may end by its time.
SLOW_RUNS = 30


def fuzz(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools.fuzz", f"--seconds={SECONDS}", f"--folder={folder}", *options]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'plugins'}{os.pathsep}{ROOT}"}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=4 * SECONDS, check=False
    )


def test_targets_run_and_print_reports(tmp_path: Path):
    # A finding of an earlier run that is fixed.
    fixed = tmp_path / "tar" / "crash-fixed"
    fixed.parent.mkdir()
    fixed.write_bytes(b"no tar")
    # The same inputs each time.
    done = fuzz(tmp_path, "-seed=1", f"-runs={RUNS}")
    assert (done.returncode, done.stderr) == (0, "")
    executions = re.findall(r"^(\w+): (\d+) executions", done.stdout, re.MULTILINE)
    assert [name for name, _ in executions] == list(TARGETS)
    assert all(int(count) >= (SLOW_RUNS if name == "preflight" else RUNS) for name, count in executions)
    assert all(int(edges) > 100 for edges in re.findall(r"coverage (\d+) edges", done.stdout))
    assert done.stdout.count("findings: 0") == len(TARGETS)
    assert (tmp_path / "tar" / "earlier" / fixed.name).is_file()


def test_planted_defect_is_found_and_its_input_is_kept(tmp_path: Path):
    done = fuzz(tmp_path, "--planted")
    assert done.returncode == 1
    assert done.stdout.count("findings: 1") == done.stdout.count("Planted: an input that is accepted") == len(TARGETS)
    saved = [Path(line.strip()) for line in done.stdout.splitlines() if "/crash-" in line]
    assert [path.parent.name for path in saved] == list(TARGETS)
    assert all(path.is_file() for path in saved)
