"""client/pyproject.toml declares what the client imports, within ranges that hold the pinned versions."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.client.command import CLIENT

PROJECT = Path(__file__).parents[2]
DECLARED = tomllib.loads((CLIENT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REQUIRED = {requirement.name: requirement for requirement in map(Requirement, DECLARED["dependencies"])}


# The distributions whose name differs from that of their module.
DISTRIBUTIONS = {"jwt": "pyjwt"}


def imported() -> set[str]:
    """Return the top-level names that the client imports from other distributions."""
    names: set[str] = set()
    for path in CLIENT.rglob("pacifica_ingest_client/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add((node.module or "").partition(".")[0])
    found = names - sys.stdlib_module_names - {"pacifica_ingest_client"}
    return {DISTRIBUTIONS.get(name, name) for name in found}


def test_the_client_declares_what_it_imports():
    assert imported() == set(REQUIRED)


@pytest.mark.parametrize("name", REQUIRED)
def test_the_pinned_version_is_within_the_declared_range(name: str):
    pinned = re.search(rf"^{name}==(\S+)", (PROJECT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert pinned
    assert REQUIRED[name].specifier.contains(pinned[1])
