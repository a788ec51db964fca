"""The coverage of a run: the total, and every module below the threshold."""

import json
import subprocess
import sys
from pathlib import Path

THRESHOLD = 90


def coverage_summary(folder: Path) -> str:
    """Return the coverage that pytest-cov measured, as text; `folder` gets coverage.json."""
    report = folder / "coverage.json"
    command = [sys.executable, "-m", "coverage", "json", "-q", "-o", str(report)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return f"coverage: {(done.stdout + done.stderr).strip()}"
    measured = json.loads(report.read_text(encoding="utf-8"))
    modules = {name: module["summary"]["percent_covered"] for name, module in measured["files"].items()}
    below = sorted((percent, name) for name, percent in modules.items() if percent < THRESHOLD)
    total = measured["totals"]["percent_covered"]
    lines = [f"coverage: {total:.1f} % of {len(modules)} modules; below {THRESHOLD} %: {len(below)}"]
    return "\n".join([*lines, *(f"  {percent:5.1f} %  {name}" for percent, name in below)])
