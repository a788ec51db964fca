"""The file of static tokens, and the command that changes it."""

import json
import os
import re
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingest.access import token_file, token_uses
from ingest.access.token_uses import TokenUses
from ingest.cli.main import main
from ingest.errors.types import ConfigurationError

NO_DATABASE = "postgresql://nobody@127.0.0.1:1/none"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "access" / "tokens.json"
    path.parent.mkdir()
    monkeypatch.setenv("INGEST_TOKEN_FILE", str(path))
    monkeypatch.setenv("INGEST_CONFIG", "")
    monkeypatch.setenv("INGEST_DATABASE_URL", NO_DATABASE)
    return path


def user_of(path: Path, text: str) -> str | None:
    token = token_file.read(path).get(token_file.token_id(text) or "")
    return token.user if token is not None and token.is_hash_of(text) else None


def columns(line: str) -> list[str]:
    return [column for column in re.split(r" {2,}", line) if column]


# The file


def test_token_is_recognized_and_stored_as_a_hash_only(path: Path):
    text = token_file.add(path, "ada")
    other = token_file.add(path, "müller")
    assert (user_of(path, text), user_of(path, other)) == ("ada", "müller")
    secret = text.split("_", 2)[2]
    assert len(secret) == 43
    assert secret not in path.read_text()


def test_tokens_of_one_user_differ(path: Path):
    assert len({token_file.add(path, "ada") for _ in range(5)}) == 5
    assert len(token_file.read(path)) == 5


@pytest.mark.parametrize(
    "change",
    [lambda text: text[:-1], lambda text: text + "x", str.upper, lambda text: text.replace("_", "-"), lambda _: ""],
)
def test_text_that_resembles_a_token_is_not_a_token(path: Path, change: Callable[[str], str]):
    assert user_of(path, change(token_file.add(path, "ada"))) is None


def test_secret_of_one_token_is_refused_with_the_id_of_another(path: Path):
    first, second = token_file.add(path, "ada"), token_file.add(path, "bob")
    assert user_of(path, f"{second[:16]}{first[16:]}") is None


def test_missing_file_holds_no_token(path: Path):
    assert token_file.read(path) == {}


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_file_is_accessible_to_its_owner_only(path: Path, umask: int):
    before = os.umask(umask)
    try:
        token_file.add(path, "ada")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["tokens.json"]


def test_change_that_fails_leaves_the_file_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    token_file.add(path, "ada")
    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        token_file.add(path, "bob")
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["tokens.json"]


def test_symbolic_link_to_the_file_is_kept(path: Path, tmp_path: Path):
    link = tmp_path / "link.json"
    link.symlink_to(path)
    text = token_file.add(link, "ada")
    assert link.is_symlink()
    assert user_of(path, text) == "ada"


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{",
        b"{}",
        b"[1]",
        b'[{"id": "0011aabb", "user": "geheim"}]',
        json.dumps([{"id": "geheim", "user": "a", "created": "2026-11-25T00:00:00Z", "sha256": "0" * 64}]).encode(),
        json.dumps([{"id": "0011aabb", "user": "a\n", "created": "2026-11-25T00:00:00Z", "sha256": "0" * 64}]).encode(),
        json.dumps([{"id": "0011aabb", "user": "a", "created": "2026-11-25T00:00:00Z", "sha256": "geheim"}]).encode(),
        b"\xff\xfe",
    ],
)
def test_other_file_is_refused_by_name_and_not_quoted(path: Path, document: bytes):
    path.write_bytes(document)
    with pytest.raises(ConfigurationError, match=r"tokens\.json was not written by") as refused:
        token_file.read(path)
    assert "geheim" not in str(refused.value)
    with pytest.raises(ConfigurationError):
        token_file.add(path, "ada")
    assert path.read_bytes() == document


def test_simultaneous_changes_wait_for_each_other(path: Path, monkeypatch: pytest.MonkeyPatch):
    # The lock is not fair, and each change syncs a disk that other tests may use heavily.
    monkeypatch.setattr(token_file, "LOCK_TIMEOUT_SECONDS", 120.0)
    users = [f"user {number}" for number in range(20)]
    with ThreadPoolExecutor(5) as pool:
        texts = list(pool.map(lambda user: token_file.add(path, user), users))
    assert [user_of(path, text) for text in texts] == users


def test_change_times_out_while_another_process_writes(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(token_file, "LOCK_TIMEOUT_SECONDS", 0.1)
    with token_file.writing(path), pytest.raises(BlockingIOError, match="another process is writing"):
        token_file.add(path, "ada")


# The command


def test_command_prints_the_token_and_nothing_else(path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["token", "add", "--user", "ada"]) == 0
    printed = capsys.readouterr()
    assert user_of(path, printed.out.removesuffix("\n")) == "ada"
    assert printed.err == ""


def test_command_lists_tokens_without_their_secrets(path: Path, capsys: pytest.CaptureFixture[str]):
    texts = [token_file.add(path, user) for user in ("ada", "Bob B.")]
    assert main(["token", "list"]) == 0
    lines = [columns(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line[0], line[-1]) for line in lines] == [
        (token_file.token_id(texts[0]), "ada"),
        (token_file.token_id(texts[1]), "Bob B."),
    ]


@pytest.mark.parametrize(
    ("options", "days"), [([], 365), (["--days", "30"], 30), (["--no-expiry"], None)], ids=["default", "days", "none"]
)
def test_command_makes_tokens_that_expire(path: Path, options: list[str], days: int | None):
    assert main(["token", "add", "--user", "ada", *options]) == 0
    (token,) = token_file.read(path).values()
    assert (token.expires - token.created if token.expires else None) == (timedelta(days) if days else None)


def test_command_lists_when_a_token_expires_and_was_used(path: Path, capsys: pytest.CaptureFixture[str]):
    used, unused = (
        str(token_file.token_id(text))
        for text in (token_file.add(path, "ada", timedelta(days=1)), token_file.add(path, "bob"))
    )
    TokenUses(path).record(used)
    assert main(["token", "list"]) == 0
    lines = {line[0]: line for line in map(columns, capsys.readouterr().out.splitlines())}
    expires = token_file.read(path)[used].expires
    assert expires is not None
    assert lines[used][2] == expires.strftime("%Y-%m-%d %H:%M:%S")
    last_use = datetime.fromisoformat(f"{lines[used][3]}+00:00")
    assert abs(datetime.now(UTC) - last_use) < timedelta(hours=1)
    assert lines[unused][2:4] == ["does not expire", "not used yet"]


def test_last_use_of_a_removed_token_is_forgotten(path: Path):
    token = str(token_file.token_id(token_file.add(path, "ada")))
    TokenUses(path).record(token)
    assert token_uses.last_use(path, token) is not None
    assert main(["token", "remove", "--id", token]) == 0
    assert token_uses.last_use(path, token) is None


def test_file_of_an_earlier_version_holds_tokens_that_do_not_expire(path: Path):
    text = token_file.add(path, "ada")
    (kept,) = json.loads(path.read_bytes())
    del kept["expires"]
    path.write_text(json.dumps([kept]))
    assert user_of(path, text) == "ada"
    assert not token_file.read(path)[kept["id"]].has_expired()


def test_command_removes_one_token_by_its_id(path: Path):
    first, second = token_file.add(path, "ada"), token_file.add(path, "ada")
    assert main(["token", "remove", "--id", str(token_file.token_id(first))]) == 0
    assert (user_of(path, first), user_of(path, second)) == (None, "ada")


def test_command_removes_all_tokens_of_a_user(path: Path, capsys: pytest.CaptureFixture[str]):
    texts = [token_file.add(path, user) for user in ("ada", "bob", "ada")]
    assert main(["token", "remove", "--user", "ada"]) == 0
    assert [user_of(path, text) for text in texts] == [None, "bob", None]
    assert capsys.readouterr().out.count("removed ") == 2


def test_command_reports_an_unknown_token(path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["token", "remove", "--id", "00000000"]) == 1
    assert capsys.readouterr().err == "pacifica-ingest-cmd: no such token\n"


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["add"],
        ["add", "--user", ""],
        ["add", "--user", "a\nb"],
        ["remove"],
        ["remove", "--id", "a", "--user", "b"],
        ["add", "--user", "a", "--days", "0"],
        ["add", "--user", "a", "--days", "-1"],
        ["add", "--user", "a", "--days", "9", "--no-expiry"],
    ],
)
def test_wrong_usage_of_the_command(arguments: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as end:
        main(["token", *arguments])
    assert end.value.code == 2
    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("path")
def test_command_without_a_token_file_names_the_setting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.delenv("INGEST_TOKEN_FILE")
    assert main(["token", "list"]) == 1
    assert "[access] token_file or INGEST_TOKEN_FILE" in capsys.readouterr().err
