"""The files for GitHub: workflows are valid and have no unnecessary permissions, and the images are checked."""

import json
import os
import re
import stat
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

PROJECT = Path(__file__).parents[2]
FORGE = PROJECT / ".github"
WORKFLOWS = sorted((FORGE / "workflows").glob("*.yaml"))
FORMS = [FORGE / "ISSUE_TEMPLATE" / name for name in ("bug_report.yml", "feature_request.yml")]
SCRIPT = FORGE / "scripts" / "check_images.py"
COMMIT = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40}")
CURRENT = f"sha256:{'a' * 64}"
OLD = f"sha256:{'b' * 64}"


def document(path: Path) -> dict[Any, Any]:
    return dict(yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader))


def schema(name: str) -> Any:
    found = find_spec("check_jsonschema")
    assert found is not None
    assert found.submodule_search_locations
    path = Path(found.submodule_search_locations[0]) / "builtin_schemas" / "vendor" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))


def valid_against(path: Path, name: str) -> None:
    # In YAML 1.1 the key `on` is a boolean.
    described = {"on" if key is True else key: value for key, value in document(path).items()}
    jsonschema.validate(described, schema(name))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_is_valid(path: Path) -> None:
    valid_against(path, "github-workflows")


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_an_issue_form_is_valid(path: Path) -> None:
    valid_against(path, "github-issue-forms")


def test_the_configuration_of_dependabot_is_valid() -> None:
    valid_against(FORGE / "dependabot.yml", "dependabot")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_can_only_read_and_ends(path: Path) -> None:
    workflow = document(path)
    assert workflow["permissions"] == {"contents": "read"}
    assert "group" in workflow["concurrency"]
    for job in workflow["jobs"].values():
        assert "permissions" not in job
        assert job["timeout-minutes"] <= 90


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_an_action_is_pinned_to_a_commit(path: Path) -> None:
    used = [step["uses"] for job in document(path)["jobs"].values() for step in job["steps"] if "uses" in step]
    assert used
    assert [action for action in used if not COMMIT.fullmatch(action)] == []


def test_a_change_is_checked_by_lint_all_tests_and_the_build_of_the_image() -> None:
    jobs = document(FORGE / "workflows" / "ci.yaml")["jobs"]
    commands = {name: "\n".join(step.get("run", "") for step in job["steps"]) for name, job in jobs.items()}
    assert "make lint" in commands["lint"]
    assert "make test" in commands["test"]
    assert ".ci/run" in commands["test-all"]
    assert "docker build" in commands["image"]
    assert jobs["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]


def test_advisories_are_queried_on_a_schedule_only() -> None:
    triggers = document(FORGE / "workflows" / "advisories.yaml")[True]
    assert triggers.keys() == {"schedule", "workflow_dispatch"}
    for path in (PROJECT / ".ci" / "run", PROJECT / "Makefile", FORGE / "workflows" / "ci.yaml"):
        assert "pip-audit" not in path.read_text(encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Create a project with a copy of the script, and a `docker` that reports the same digest for every image."""
    (tmp_path / ".github" / "scripts").mkdir(parents=True)
    (tmp_path / ".github" / "scripts" / SCRIPT.name).write_bytes(SCRIPT.read_bytes())
    (tmp_path / "bin").mkdir()
    docker = tmp_path / "bin" / "docker"
    docker.write_text(
        "#!/bin/sh\n"
        'case "$4" in absent:*) echo "not found" >&2; exit 1;; *@*) exit 1;; esac\n'
        f'test "$1 $2 $3 $5" = "buildx imagetools inspect --format" && echo {CURRENT}\n'
    )
    docker.chmod(docker.stat().st_mode | stat.S_IXUSR)
    return tmp_path


def check_images(project: Path, base: str, *images: str) -> subprocess.CompletedProcess[str]:
    """Run the script for a Dockerfile with a base image and a docker-compose.yaml with other images."""
    services = "".join(f"  service{number}:\n    image: {image}\n" for number, image in enumerate(images))
    (project / "Dockerfile").write_text(f"# a comment\nFROM {base}\n")
    (project / "docker-compose.yaml").write_text(f"services:\n{services}")
    return run_script(project)


def run_script(project: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(project / ".github" / "scripts" / SCRIPT.name)],
        env={**os.environ, "PATH": f"{project / 'bin'}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_images_with_their_current_digests_pass(project: Path) -> None:
    found = check_images(
        project, f"python:3.12.12@{CURRENT}", f"redis:8.2-bookworm@{CURRENT}", "pacifica-ingest-airflow"
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout == f"python:3.12.12@{CURRENT}\nredis:8.2-bookworm@{CURRENT}\n"


def test_an_image_without_a_digest_is_a_warning_that_names_the_digest(project: Path) -> None:
    found = check_images(project, "python:3.12.12-slim", "python:3.12.12-slim")
    assert found.returncode == 0
    assert found.stdout.count("::warning::") == 1
    assert found.stdout.endswith(f"the current digest is {CURRENT}\n")


@pytest.mark.parametrize(
    ("image", "fault"),
    [
        (f"python:3.12.12@{OLD}", f"python:3.12.12 has a new digest: replace {OLD} by {CURRENT}"),
        ("python:latest", "python:latest is not pinned to an exact version"),
        ("python", "python is not pinned to an exact version"),
        ("python:3", "python:3 is not pinned to an exact version"),
        ("absent:1.0", "the registry did not return the digest of absent:1.0: not found"),
    ],
)
def test_an_image_that_differs_from_its_pin_fails(project: Path, image: str, fault: str) -> None:
    found = check_images(project, "python:3.12.12", image)
    assert found.returncode == 1
    assert f"::error::{fault}" in found.stdout


def test_the_images_of_the_project_are_pinned_to_exact_versions(project: Path) -> None:
    for name in ("Dockerfile", "docker-compose.yaml"):
        (project / name).write_bytes((PROJECT / name).read_bytes())
    found = run_script(project)
    assert found.returncode == 0, found.stdout
    assert {"python:", "postgres:", "redis:"} <= set(re.findall(r"^[a-z]+:(?=\d)", found.stdout, re.MULTILINE))
