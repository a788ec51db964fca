"""The state of a file has one writer: `ingest.ledger.file_states`."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

INGEST = Path(__file__).resolve().parents[2] / "plugins/ingest"
WRITER = INGEST / "ledger/file_states.py"
MODULES = [path for path in sorted(INGEST.rglob("*.py")) if "versions" not in path.parts]


def is_state_write(node: ast.AST) -> bool:
    """Return whether a node writes a column `state`.

    That is `values(state=...)`, `row.state = ...`, a dictionary of values, or a statement that is compiled with its columns.
    """
    match node:
        case ast.Call(func=ast.Attribute(attr="values")):
            return any(keyword.arg == "state" for keyword in node.keywords)
        case ast.Call(func=ast.Name(id="CompiledStatement"), args=[_, ast.List(elts=columns)]):
            return any(is_text(column, "state") for column in columns)
        case ast.Call(func=ast.Name(id="File")):
            return any(keyword.arg == "state" for keyword in node.keywords)
        case ast.Assign(targets=targets):
            return any(isinstance(target, ast.Attribute) and target.attr == "state" for target in targets)
        case ast.Dict(keys=keys, values=values):
            written = [value for key, value in zip(keys, values, strict=True) if is_text(key, "state")]
            return any(map(is_file_state, written))
    return False


def is_text(node: ast.expr | None, text: str) -> bool:
    return isinstance(node, ast.Constant) and node.value == text


def is_file_state(node: ast.expr) -> bool:
    return any(isinstance(inner, ast.Name) and inner.id == "FileState" for inner in ast.walk(node))


def state_writes(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if is_state_write(node):
            yield f"{path.relative_to(INGEST)}:{getattr(node, 'lineno', 0)}"


def test_only_file_states_writes_the_state_of_a_file():
    assert [place for path in MODULES if path != WRITER for place in state_writes(path)] == []


def test_check_finds_the_writes_of_file_states():
    assert len(list(state_writes(WRITER))) >= 4


@pytest.mark.parametrize(
    "source",
    [
        "update(File).values(state=FileState.PENDING)",
        "update(TABLE).where(x).values(state='pending', inode=1)",
        "CompiledStatement(update(TABLE).where(x), ['state', 'inode'])",
        "row.state = FileState.PENDING",
        "File(state='pending')",
        "values = {'state': FileState.PENDING}",
    ],
)
def test_check_recognizes_every_form_of_a_write(source: str):
    assert any(map(is_state_write, ast.walk(ast.parse(source))))
