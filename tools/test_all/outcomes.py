"""A pytest plugin that writes which tests passed and failed to the file that `--outcomes` names.

Loaded by `tools.test_all` with `-p`. With pytest-xdist, only the process that starts the workers writes.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest

OPTION = "--outcomes"


@dataclass
class Outcomes:
    """The outcomes of one run, by node id."""

    passed: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)  # with the text of the first failure
    broken: list[str] = field(default_factory=list)  # collection errors and crashed workers

    def write(self, path: Path) -> None:
        """Write the outcomes to a file."""
        path.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Outcomes":
        """Read the outcomes from a file."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.addoption(OPTION, type=Path, help="file to write the outcomes to")


def pytest_configure(config: pytest.Config) -> None:
    """Record the outcomes, except in a worker of pytest-xdist."""
    path = config.getoption(OPTION)
    if path is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Recorder(path, config))


class _Recorder:
    def __init__(self, path: Path, config: pytest.Config) -> None:
        self._path = path
        self._config = config
        self._outcomes = Outcomes()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._outcomes.failed.setdefault(report.nodeid, report.longreprtext)
            self._print_name(report.nodeid)
        elif report.passed and report.when == "call":
            self._outcomes.passed.append(report.nodeid)

    def _print_name(self, test: str) -> None:
        # Immediately: the end of a run that is stopped because it takes too long is never printed.
        terminal: pytest.TerminalReporter | None = self._config.pluginmanager.get_plugin("terminalreporter")
        if terminal is not None:
            terminal.write_line(f"\nFAILED {test}")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._outcomes.broken.append(f"cannot collect {report.nodeid}")

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        if error:
            self._outcomes.broken.append(f"worker {node.gateway.id} crashed: {error}")

    def pytest_sessionfinish(self) -> None:
        # A test whose teardown fails has passed its call.
        self._outcomes.passed = [each for each in self._outcomes.passed if each not in self._outcomes.failed]
        self._outcomes.write(self._path)
