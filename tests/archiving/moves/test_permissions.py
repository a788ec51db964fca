"""Rules of moves: which folders they permit to whom, by the paths alone."""

from pathlib import Path

import pytest

from ingest.archiving.moves.permissions import may_move, source_path
from ingest.settings.loading import Settings
from ingest.settings.move_rules import MoveGroup, MoveRule

RULES = (
    MoveRule(("*",), "/srv/home/{user}"),
    MoveRule(("@nmr", "ursula"), "/srv/nmr"),
    MoveRule(("otto",), "/srv/*/shared"),
    MoveRule(("*",), "/srv/runs/of-{user}"),
)
GROUPS = (MoveGroup("nmr", ("nora", "norbert")),)


@pytest.mark.parametrize(
    ("user", "folder", "permitted"),
    [
        ("ada", "/srv/home/ada", True),
        ("ada", "/srv/home/ada/run/1", True),
        ("ada", "/srv/home", False),
        ("ada", "/srv/home/ada2", False),
        ("ada", "/srv/home/Ada", False),
        ("ada", "/srv/home/otto", False),
        ("ada", "/srv/nmr", False),
        ("ada", "/srv/runs/of-ada/1", True),
        ("ada", "/srv/runs/of-", False),
        ("nora", "/srv/nmr/1", True),
        ("ursula", "/srv/nmr", True),
        ("@nmr", "/srv/nmr", False),
        ("nmr", "/srv/nmr", False),
        ("otto", "/srv/ms/shared/1", True),
        ("otto", "/srv/ms/other", False),
        ("otto", "/srv/shared", False),
        ("otto", "/srv/a/b/shared", False),
        ("*", "/srv/home/ada", False),
        ("..", "/srv", False),
        ("..", "/srv/home/..", False),
        (".", "/srv/home", False),
        ("ada/run", "/srv/home/ada/run", False),
        ("{user}", "/srv/home/ada", False),
    ],
)
def test_rule_permits_its_folder_to_its_own_users_only(user: str, folder: str, permitted: bool):
    settings = Settings(authentication="proxy", move_rules=RULES, move_groups=GROUPS)
    assert may_move(settings, user, Path(folder)) is permitted


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("/a/b", "/a/b"),
        ("//a//b/", "/a/b"),
        ("///a/./b", "/a/b"),
        ("/a/../b", "/b"),
        ("/../../b", "/b"),
        ("//../b", "/b"),
        ("/a/..", "/"),
        ("/", "/"),
    ],
)
def test_source_is_compared_in_its_shortest_form(source: str, path: str):
    assert source_path(source) == Path(path)
