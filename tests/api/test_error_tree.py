"""The tree of errors in the docstring of `api.request_errors` names every type, with its place and its status."""

import re

import api.app
from api import request_errors
from api.request_errors import RequestError

# The bars of the parents, the branch, the name of the type, and its status.
LINE = re.compile(
    r"^ {4}(?P<indent>(?: │? {3,4})*(?: [├└]── )?)(?P<name>[A-Z]\w+) +(?P<status>[0-9]{3})\b", re.MULTILINE
)
WIDTH_OF_LEVEL = 5

Tree = list[tuple[str, str | None, int]]


def drawn() -> Tree:
    """Return name, parent and status of each type in the drawing."""
    parents: list[str] = []
    found: Tree = []
    for line in LINE.finditer(request_errors.__doc__ or ""):
        depth = len(line["indent"]) // WIDTH_OF_LEVEL
        del parents[depth:]
        found.append((line["name"], parents[-1] if parents else None, int(line["status"])))
        parents.append(line["name"])
    return found


def defined(kind: type[RequestError] = RequestError, parent: str | None = None) -> Tree:
    """Return name, parent and status of a type and of all types below it."""
    return [
        (kind.__name__, parent, kind.status.value),
        *(each for child in kind.__subclasses__() for each in defined(child, kind.__name__)),
    ]


def test_drawing_of_the_error_tree_is_complete():
    # The application imports every module that defines an error.
    assert api.app
    assert set(drawn()) == set(defined()), "draw each type in the docstring of api/request_errors.py"
    assert len(drawn()) == len(defined())


def test_drawing_is_sorted_by_status():
    statuses = [status for _, parent, status in drawn() if parent == RequestError.__name__]
    assert statuses == sorted(statuses)
