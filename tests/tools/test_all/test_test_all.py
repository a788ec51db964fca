"""`make test-all` on small folders: a flaky test passes visibly, everything else that fails fails the run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
# Two starts of pytest with a worker, on a busy machine.
RUN_SECONDS = 300
FLAKY = """
from pathlib import Path

def test_flaky():
    runs = Path("runs")
    runs.write_text(runs.read_text() + "x" if runs.exists() else "x")
    assert runs.read_text() != "x", "the first run fails"
"""
FAILING = "def test_failing():\n    assert False, 'every run fails'\n"
PASSING = "def test_passing():\n    pass\n"
SKIPPED_LATER = """
from pathlib import Path
import pytest

def test_skipped_in_the_second_run():
    runs = Path("runs of the skipped")
    if runs.exists():
        pytest.skip("nothing was checked")
    runs.write_text("x")
    assert False
"""
FLAKY_FIXTURE = """
from pathlib import Path
import pytest

@pytest.fixture
def resource():
    yield
    if not Path("runs of the fixture").exists():
        Path("runs of the fixture").write_text("x")
        raise RuntimeError("the first teardown fails")

def test_with_a_resource(resource):
    pass
"""
CRASHING = "import os, signal\n\ndef test_crashing():\n    os.kill(os.getpid(), signal.SIGKILL)\n"
NOT_IMPORTABLE = "import a_module_that_does_not_exist\n"


def run(folder: Path, *arguments: str, **modules: str) -> subprocess.CompletedProcess[str]:
    """Run the program on a folder with these modules, in one worker and with the required plugins only."""
    (folder / "pytest.ini").write_text("[pytest]\n")
    for name, text in modules.items():
        (folder / f"test_{name}.py").write_text(text)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV"))}
    return subprocess.run(
        [sys.executable, "-m", "tools.test_all", "-n", "1", *arguments],
        cwd=folder,
        env={
            **environment,
            "PYTHONPATH": str(PROJECT),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTEST_PLUGINS": "xdist.plugin,xdist.looponfail,pytest_cov.plugin",
        },
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )


def runs_of(folder: Path) -> int:
    return len((folder / "runs").read_text())


def test_tests_that_pass_alone_are_printed_as_flaky_and_pass(tmp_path: Path):
    done = run(tmp_path, flaky=FLAKY, fixture=FLAKY_FIXTURE, passing=PASSING)
    assert done.returncode == 0, done.stdout
    assert runs_of(tmp_path) == 2
    assert "the first run fails" in done.stdout.partition("flaky: test_flaky.py::test_flaky")[2]
    assert "the first teardown fails" in done.stdout.partition("flaky: test_fixture.py::test_with_a_resource")[2]
    assert "flaky (failed, then passed alone): 2\n" in done.stdout
    assert "failed twice: 0" in done.stdout


def test_tests_that_fail_twice_or_are_skipped_the_second_time_fail_the_run(tmp_path: Path):
    done = run(tmp_path, flaky=FLAKY, failing=FAILING, skipped=SKIPPED_LATER)
    assert done.returncode == 1
    assert "flaky (failed, then passed alone): 1\ntest_flaky.py::test_flaky\nfailed twice: 2\n" in done.stdout
    twice = set(done.stdout.partition("failed twice: 2\n")[2].splitlines()[:2])
    assert twice == {"test_failing.py::test_failing", "test_skipped.py::test_skipped_in_the_second_run"}


@pytest.mark.parametrize(
    ("module", "text"),
    [(CRASHING, "crashed"), (NOT_IMPORTABLE, "a_module_that_does_not_exist")],
    ids=["a worker that crashes", "a module that cannot be collected"],
)
def test_run_that_is_broken_fails_and_nothing_is_run_again(tmp_path: Path, module: str, text: str):
    done = run(tmp_path, broken=module, flaky=FLAKY)
    assert done.returncode != 0
    assert text in done.stdout
    assert "flaky (failed, then passed alone)" not in done.stdout
    if (tmp_path / "runs").exists():
        assert runs_of(tmp_path) == 1


def test_names_of_failed_tests_are_printed_immediately(tmp_path: Path):
    done = run(tmp_path, failing=FAILING, passing=PASSING)
    assert "FAILED test_failing.py::test_failing\n" in done.stdout.partition("= FAILURES =")[0]


@pytest.mark.parametrize("is_measured", [True, False])
def test_coverage_and_the_modules_below_the_threshold_are_printed_if_it_is_measured(tmp_path: Path, is_measured: bool):
    (tmp_path / "half.py").write_text("def used():\n    return 1\n\n\ndef unused():\n    return 2\n")
    half = "from half import used\n\ndef test_used():\n    assert used() == 1\n"
    done = run(tmp_path, *(["--coverage"] if is_measured else []), half=half)
    assert done.returncode == 0, done.stdout
    assert ("75.0 %  half.py" in done.stdout) is is_measured
