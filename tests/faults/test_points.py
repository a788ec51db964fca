"""Every point at which a process can be killed has its case: a point that nobody arms would prove nothing."""

import ast
from collections.abc import Iterator
from pathlib import Path

from ingest.states import Stage

PROJECT = Path(__file__).resolve().parents[2]
SOURCES = ("plugins/ingest", "api")


def trees(folder: Path) -> Iterator[ast.Module]:
    for path in sorted(folder.rglob("*.py")):
        yield ast.parse(path.read_text(encoding="utf-8"))


def names_of(call: ast.Call) -> Iterator[str]:
    """The names of a point; one in the wrapper around the stages is there once for each stage."""
    name = call.args[0]
    if isinstance(name, ast.Constant):
        yield str(name.value)
        return
    assert isinstance(name, ast.JoinedStr), "the name of a point is a literal, or begins with the stage"
    end = name.values[-1]
    assert isinstance(end, ast.Constant)
    yield from (stage.value + str(end.value) for stage in Stage)


def points_in_the_code() -> list[str]:
    calls = [node for folder in SOURCES for tree in trees(PROJECT / folder) for node in ast.walk(tree)]
    return [
        name
        for call in calls
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "failpoint"
        for name in names_of(call)
    ]


def texts_in_the_tests() -> set[str]:
    nodes = (node for tree in trees(PROJECT / "tests") for node in ast.walk(tree))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_every_point_has_its_case():
    found, texts = points_in_the_code(), texts_in_the_tests()
    assert len(found) > len(Stage)
    assert [name for name in found if name not in texts] == []


def test_no_two_points_have_one_name():
    found = points_in_the_code()
    assert sorted(found) == sorted(set(found))
