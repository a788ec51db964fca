"""Compares the tree of errors that a docstring draws with the classes of a package.

Used by `tests.errors.test_tree` for the domain, and by `tests.api.test_error_tree` for the API.
"""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType

from ingest.errors.types import IngestError

# What precedes a name in a drawing: five columns for each level.
NODE = re.compile(r"^(?P<lines>[ │]*(?:├──|└──) )?(?P<name>[A-Z]\w+)")
COLUMNS = 5
INDENT = "    "
# Programs that do something when they are imported.
PROGRAMS = re.compile(r"\.__main__$|\.migrations\.(env|versions\b)")

Tree = dict[str, str | None]
"""The parent of each error, by name; None for the root."""


def drawn_tree(docstring: str) -> Tree:
    """Read a drawing: the first indented block of a docstring. Raises AssertionError where a line has no parent."""
    tree: Tree = {}
    path: list[str] = []
    for line in _drawing(docstring):
        node = NODE.match(line)
        assert node, f"not a line of a tree: {line!r}"
        level = (len(node["lines"]) + 1) // COLUMNS if node["lines"] else 0
        assert level <= len(path), f"no parent above {line!r}"
        assert node["name"] not in tree, f"{node['name']} is drawn twice"
        path[level:] = [node["name"]]
        tree[node["name"]] = path[level - 1] if level else None
    return tree


def class_tree(package: ModuleType, root: type[IngestError]) -> Tree:
    """Return the root and those of its subclasses that modules of the package define; imports all of them."""
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not PROGRAMS.search(module.name):
            importlib.import_module(module.name)
    inside = f"{package.__name__}."
    nested = {
        each.__name__: each.__bases__[0].__name__ for each in _subclasses(root) if each.__module__.startswith(inside)
    }
    return {root.__name__: None, **nested}


def _drawing(docstring: str) -> Iterator[str]:
    begun = False
    for line in docstring.splitlines():
        if line.startswith(INDENT):
            begun = True
            yield line.removeprefix(INDENT)
        elif begun:
            return


def _subclasses(root: type[IngestError]) -> Iterator[type[IngestError]]:
    for each in root.__subclasses__():
        yield each
        yield from _subclasses(each)
