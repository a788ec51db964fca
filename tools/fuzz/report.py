"""The report of a fuzz target, read from the output of libFuzzer and the files that the target kept.

Called by the runner.
"""

import re
from dataclasses import dataclass
from pathlib import Path

FINDINGS = ("crash-*", "timeout-*", "oom-*", "leak-*")
STATISTIC = re.compile(r"^stat::(\w+):\s+(\d+)$", re.MULTILINE)
REASON = re.compile(r"=== Uncaught Python exception: ===\n(.{,2000})|ERROR: libFuzzer: (.*)")
COVERAGE = re.compile(r"cov: (\d+) ft: (\d+) corp: (\d+)/")


@dataclass(frozen=True)
class Report:
    """The figures of one target; `findings` are the inputs that failed, `reason` is the first error."""

    name: str
    executions: int
    per_second: int
    coverage: int
    features: int
    corpus: int
    peak_megabytes: int
    slowest_seconds: float
    slowest_input: Path
    findings: tuple[Path, ...]
    reason: str
    exit_status: int

    @property
    def failed(self) -> bool:
        """Return True with a finding, or if the target did not run to its end."""
        return bool(self.findings) or self.exit_status != 0

    def lines(self) -> list[str]:
        """Return the figures for people."""
        figures = [
            f"{self.name}: {self.executions:,} executions, {self.per_second:,} a second",
            f"  coverage {self.coverage} edges, {self.features} features; corpus {self.corpus} inputs",
            f"  largest memory {self.peak_megabytes} MB; slowest input {self.slowest_seconds} s ({self.slowest_input})",
            f"  findings: {len(self.findings)}",
        ]
        saved = [f"    {finding}" for finding in self.findings]
        return [*figures, *saved, *([f"    {self.reason}"] if self.failed else [])]


def report(name: str, folder: Path, exit_status: int) -> Report:
    """Read the report of a target that ended: its log and the files in its folder."""
    log = (folder / "log").read_text(errors="replace")
    statistics = {key: int(value) for key, value in STATISTIC.findall(log)}
    coverage, features, corpus = (int(number) for number in [("0", "0", "0"), *COVERAGE.findall(log)][-1])
    seconds = folder / "slowest-seconds"
    return Report(
        name=name,
        executions=statistics.get("number_of_executed_units", 0),
        per_second=statistics.get("average_exec_per_sec", 0),
        coverage=coverage,
        features=features,
        corpus=corpus,
        peak_megabytes=statistics.get("peak_rss_mb", 0),
        slowest_seconds=float(seconds.read_text()) if seconds.exists() else 0.0,
        slowest_input=folder / "slowest",
        findings=tuple(findings(folder)),
        reason=next(map("".join, REASON.findall(log)), f"the exit status is {exit_status}; see {folder / 'log'}"),
        exit_status=exit_status,
    )


def findings(folder: Path) -> list[Path]:
    """Return the inputs that libFuzzer saved because a target failed with them."""
    return sorted(path for pattern in FINDINGS for path in folder.glob(pattern))
