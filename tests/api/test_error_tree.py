"""The tree of errors in the docstring of `api.request_errors` names every type, with its place and its status."""

import re

import api
from api import request_errors
from api.request_errors import RequestError
from tests.errors.error_tree import class_tree, drawn_tree

DRAWING = request_errors.__doc__ or ""
# The end of a drawn line: the name of the type, and its status.
STATUS = re.compile(r"^ {4}[ │├└─]*(?P<name>[A-Z]\w+) +(?P<status>[0-9]{3})\b", re.MULTILINE)


def drawn_statuses() -> list[tuple[str, int]]:
    """Return name and status of each type in the drawing, in its order."""
    return [(line["name"], int(line["status"])) for line in STATUS.finditer(DRAWING)]


def defined_statuses(kind: type[RequestError] = RequestError) -> dict[str, int]:
    """Return the status of a type and of all types below it, by name."""
    below = (defined_statuses(child) for child in kind.__subclasses__())
    return {kind.__name__: kind.status.value, **{name: status for each in below for name, status in each.items()}}


def test_drawing_of_the_error_tree_is_complete():
    # Imports every module that defines an error.
    defined = class_tree(api, RequestError)
    assert drawn_tree(DRAWING) == defined, "draw each type in the docstring of api/request_errors.py"
    assert dict(drawn_statuses()) == defined_statuses()
    assert len(drawn_statuses()) == len(defined)


def test_drawing_is_sorted_by_status():
    parents = drawn_tree(DRAWING)
    statuses = [status for name, status in drawn_statuses() if parents[name] == RequestError.__name__]
    assert statuses == sorted(statuses)
