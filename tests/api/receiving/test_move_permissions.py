"""`POST /move` of several users: each may move from permitted folders only, and answers do not reveal which files exist."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.receiving import source_folders
from api.resources import resources_of
from ingest.ledger import jobs
from ingest.settings.loading import Settings
from ingest.settings.move_rules import MoveRule
from tools.bundles import file_entry, transaction

HEADER = "X-Http-Authed-User"
Answer = tuple[int, dict[str, Any]]
Post = Callable[..., Answer]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a subfolder for each of two users."""
    folder = tmp_path / "move"
    for user in ("ursula", "otto"):
        (folder / user).mkdir(parents=True)
    return folder


@pytest.fixture
def settings(settings: Settings, folder: Path, tmp_path: Path) -> Settings:
    (tmp_path / "spool").mkdir()
    return settings.model_copy(
        update={
            "volume_path": tmp_path / "spool",
            "authentication": "proxy",
            "operators": ("olga",),
            "move_folders": (folder,),
            "move_rules": (MoveRule(("*",), f"{folder}/{{user}}"),),
        }
    )


@pytest.fixture
def post(make_app: Callable[..., Flask], settings: Settings) -> Iterator[Post]:
    """Post a move document of sources as a user; return status and body of the answer."""

    def posted(*sources: str | Path, user: str = "ursula", **changes: object) -> Answer:
        app = make_app(settings.model_copy(update=changes))
        entries = [file_entry(f"data/{number}", b"x", source=str(each)) for number, each in enumerate(sources)]
        with app.test_client() as client:
            answer = _post(client, [*transaction(), *entries], user)
        if answer[0] == 200:
            assert jobs.read(resources_of(app).engine, answer[1]["job_id"]).received.user == user
        return answer

    yield posted
    assert {path.suffix for path in settings.volume_path.iterdir()} <= {".json"}


def _post(client: FlaskClient, document: list[Any], user: str) -> Answer:
    answer = client.post("/move", data=json.dumps(document), content_type="application/json", headers={HEADER: user})
    return answer.status_code, answer.get_json()


def assert_refused(answer: Answer, *says: str) -> None:
    assert (answer[0], answer[1]["code"]) == (403, "move_not_allowed"), answer
    assert all(words in answer[1]["message"] for words in says), answer


def test_source_in_the_users_own_folder_is_accepted(post: Post, folder: Path):
    assert post(folder / "ursula" / "run" / "one.raw")[0] == 200


@pytest.mark.parametrize("authentication", ["open", "proxy"])
def test_without_rules_no_user_may_move_and_the_answer_names_the_setting(post: Post, folder: Path, authentication: str):
    answer = post(folder / "ursula" / "one.raw", authentication=authentication, move_rules=())
    assert_refused(answer, "ursula may not move files from any folder", "move_rules", "INGEST_MOVE_RULES")


def test_without_authentication_and_rules_every_move_is_accepted(post: Post, folder: Path):
    assert post(folder / "otto" / "one.raw", authentication="none", move_rules=())[0] == 200


def test_user_without_a_rule_is_refused(post: Post, folder: Path):
    rules = (MoveRule(("otto",), str(folder)),)
    assert_refused(post(folder / "ursula" / "one.raw", move_rules=rules), "from any folder")


@pytest.mark.parametrize(
    "form",
    ["{0}/otto/one.raw", "{0}/ursula/../otto/one.raw", "{0}/one.raw", "{0}/ursula2/one.raw", "/etc/passwd", "//etc/a"],
)
def test_source_of_another_user_is_refused_and_named(post: Post, folder: Path, form: str):
    good, source = folder / "ursula" / "one.raw", form.format(folder)
    answer = post(good, source)
    assert_refused(answer, f"ursula may move files from {folder}/ursula only", f"not allowed: '{source}'")
    assert str(good) not in answer[1]["message"]


@pytest.mark.parametrize("user", ["..", ".", "otto/..", "../otto", "*", "{user}", "@ursula"])
def test_user_name_in_a_rule_matches_one_folder_only(post: Post, folder: Path, user: str):
    assert_refused(post(folder / "otto" / "one.raw", user=user), "may")


def test_refusal_does_not_depend_on_what_exists(post: Post, folder: Path, monkeypatch: pytest.MonkeyPatch):
    """Paths are compared before any of them is resolved."""
    (folder / "otto" / "one.raw").write_bytes(b"x")
    looked_up = []
    monkeypatch.setattr(source_folders, "_resolve", lambda *arguments: looked_up.append(arguments))
    there, absent = (post(folder / "otto" / "one.raw"), post(folder / "otto" / "two.raw"))
    assert there[1]["message"].replace("one.raw", "two.raw") == absent[1]["message"]
    assert looked_up == []


def test_answer_about_many_refused_sources_is_short(post: Post, folder: Path):
    answer = post(*(f"{folder}/otto/{number}" for number in range(1000)))
    assert_refused(answer, "/otto/9' and 990 more")
    assert len(answer[1]["message"]) < 4096


@pytest.mark.parametrize("exists", [True, False])
def test_link_to_another_users_folder_is_refused_whether_or_not_it_leads_anywhere(
    post: Post, folder: Path, exists: bool
):
    (folder / "ursula" / "link").symlink_to(folder / "otto" / "run")
    if exists:
        (folder / "otto" / "run").mkdir()
    assert_refused(post(folder / "ursula" / "link" / "one.raw"), "/ursula/link/one.raw'")


def test_link_within_the_users_own_folder_is_followed(post: Post, folder: Path):
    (folder / "ursula" / "link").symlink_to(folder / "ursula" / "run")
    assert post(folder / "ursula" / "link" / "one.raw")[0] == 200


def test_storage_that_hangs_blocks_no_request(post: Post, folder: Path, monkeypatch: pytest.MonkeyPatch):
    """The stage checks links again in any case."""
    (folder / "ursula" / "link").symlink_to(folder / "otto")
    answers, realpath = Event(), os.path.realpath

    def hang(path: Path) -> str:
        answers.wait(60)
        return realpath(path)

    monkeypatch.setattr(source_folders.os.path, "realpath", hang)
    monkeypatch.setattr(source_folders, "TIMEOUT_SECONDS", 0.1)
    try:
        assert [post(folder / "ursula" / "link" / "one.raw")[0] for _ in range(6)] == [200] * 6
    finally:
        answers.set()


def test_malformed_source_is_left_to_the_stage(post: Post, folder: Path):
    assert [post(source)[0] for source in ("one.raw", "", "/" + "x" * 5000)] == [200] * 3
