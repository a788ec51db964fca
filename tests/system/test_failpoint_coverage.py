"""Every failpoint is used by a test that kills a process there."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from ingest.states.stages import Stage

PROJECT = Path(__file__).resolve().parents[2]
SOURCES = ("plugins/ingest", "api", "dags", "config")
# Functions whose calls kill a process at a point.
KILLERS = {"Case", "arm", "killed_at", "kill_retention", "replace_and_kill"}


@cache
def nodes_in_the_code() -> list[ast.AST]:
    return [node for folder in SOURCES for tree in trees(PROJECT / folder) for node in ast.walk(tree)]


def trees(folder: Path, *words: str) -> Iterator[ast.Module]:
    """Yield the modules of a folder that contain one of the words, or all modules."""
    for path in sorted(folder.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if not words or any(word in text for word in words):
            yield ast.parse(text)


def names_of(call: ast.Call) -> Iterator[str]:
    """Yield the names of a point; a point in the wrapper around the stages has one for each stage."""
    name = call.args[0]
    if isinstance(name, ast.Constant):
        yield str(name.value)
        return
    assert isinstance(name, ast.JoinedStr), "the name of a point is a literal, or begins with the stage"
    end = name.values[-1]
    assert isinstance(end, ast.Constant)
    yield from (stage.value + str(end.value) for stage in Stage)


def points_in_the_code() -> list[str]:
    return [
        name
        for call in nodes_in_the_code()
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "failpoint"
        for name in names_of(call)
    ]


def is_kill(node: ast.AST) -> bool:
    """Return whether a node is a call that kills a process at the point in its arguments."""
    if not isinstance(node, ast.Call):
        return False
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    return name in KILLERS and "hold" not in texts(node)


def texts(*nodes: ast.AST) -> set[str]:
    found = (inner for node in nodes for inner in ast.walk(node) if isinstance(inner, ast.Constant))
    return {inner.value for inner in found if isinstance(inner.value, str)}


def points_that_kill(tree: ast.Module) -> set[str]:
    """Return the texts in calls that kill, and in the parameters of tests with such calls."""
    named = {target.id: node.value for node in tree.body if isinstance(node, ast.Assign) for target in targets(node)}
    found = texts(*filter(is_kill, ast.walk(tree)))
    for test in ast.walk(tree):
        if isinstance(test, ast.FunctionDef) and any(map(is_kill, ast.walk(test))):
            names = [node.id for node in ast.walk(test) if isinstance(node, ast.Name) and node.id in named]
            found |= texts(*test.decorator_list, *(named[name] for name in names))
    return found


def targets(node: ast.Assign) -> Iterator[ast.Name]:
    yield from (target for target in node.targets if isinstance(target, ast.Name))


def test_every_point_has_a_test():
    found = points_in_the_code()
    killing = set().union(*map(points_that_kill, trees(PROJECT / "tests", *KILLERS)))
    assert len(found) > len(Stage)
    assert [name for name in found if name not in killing] == []


def test_points_have_their_own_name_wherever_they_are_imported():
    imports = nodes_in_the_code()
    modules = [node.module for node in imports if isinstance(node, ast.ImportFrom)]
    names = [each for node in imports if isinstance(node, ast.Import | ast.ImportFrom) for each in node.names]
    assert "ingest.system.failpoints" in modules
    assert [each.name for each in names if each.name == "failpoint" and each.asname] == []
    # Nothing else is imported from the module, nor the module itself.
    assert [
        each.name for each in names if each.name.startswith("ingest.system.failpoints") or each.name == "failpoints"
    ] == []


def test_no_two_points_have_one_name():
    found = points_in_the_code()
    assert sorted(found) == sorted(set(found))
