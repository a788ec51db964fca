"""The drawing of the errors in `ingest.errors.types` shows every class, under its base class."""

import pytest

import ingest
from ingest.errors import types
from ingest.errors.types import IngestError
from tests.errors.error_tree import class_tree, drawn_tree

DRAWING = """Errors.

    Base                  the root
     ├── First            indented by five columns
     │    └── Below
     └── Second
          └── BelowSecond

Not part of the drawing.
"""


def test_the_drawing_is_the_tree_of_classes() -> None:
    assert drawn_tree(types.__doc__ or "") == class_tree(ingest, IngestError)


def test_every_error_is_exported() -> None:
    exported = {name for name in types.__all__ if not name.isupper()}
    assert exported == set(class_tree(ingest, IngestError)), "export it in ingest.errors.types"


def test_a_drawing_is_read_with_its_nesting() -> None:
    assert drawn_tree(DRAWING) == {
        "Base": None,
        "First": "Base",
        "Below": "First",
        "Second": "Base",
        "BelowSecond": "Second",
    }


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("     │    └── Below\n", ""),
        ("     └── Second\n", "     └── Second\n     ├── Third\n"),
        ("     │    └── Below\n", "     ├── Below\n"),
    ],
    ids=["missing", "additional", "wrongly nested"],
)
def test_a_wrong_drawing_differs(line: str, wrong: str) -> None:
    assert drawn_tree(DRAWING.replace(line, wrong)) != drawn_tree(DRAWING)


def test_a_class_cannot_be_drawn_twice() -> None:
    with pytest.raises(AssertionError, match="First is drawn twice"):
        drawn_tree(DRAWING.replace("Second\n", "First\n"))
