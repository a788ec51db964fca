"""Static tokens in the API: the current content of the file."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from api.access.access_errors import TokenInvalid, TokensUnavailable
from api.access.static_tokens import StaticTokens
from ingest.access import token_file, token_uses
from ingest.errors.types import ConfigurationError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tokens.json"


def test_file_that_is_created_later_is_read(path: Path):
    tokens = StaticTokens(path)
    with pytest.raises(TokenInvalid):
        tokens.user_of("ingest_00000000_x")
    assert tokens.user_of(token_file.add(path, "ada")) == "ada"


def test_expired_token_is_refused(path: Path):
    text = token_file.add(path, "ada", timedelta(seconds=-1))
    with pytest.raises(TokenInvalid, match="the token is not accepted: it has expired"):
        StaticTokens(path).user_of(text)


def test_use_of_a_token_is_recorded_and_an_unknown_one_is_not(path: Path):
    text = token_file.add(path, "ada")
    tokens, token_id = StaticTokens(path), str(token_file.token_id(text))
    with pytest.raises(TokenInvalid):
        tokens.user_of(f"{text[:-1]}!")
    assert token_uses.last_use(path, token_id) is None
    tokens.user_of(text)
    assert token_uses.last_use(path, token_id) is not None


def test_token_is_accepted_where_its_use_cannot_be_recorded(path: Path, caplog: pytest.LogCaptureFixture):
    path.with_name(f"{path.name}.uses").write_text("no folder")
    text = token_file.add(path, "ada")
    assert StaticTokens(path).user_of(text) == "ada"
    assert "the last use of tokens is not recorded" in caplog.text


def test_file_that_does_not_change_is_not_read_again(path: Path, monkeypatch: pytest.MonkeyPatch):
    text = token_file.add(path, "ada")
    tokens = StaticTokens(path)
    monkeypatch.setattr(token_file, "read", lambda _: pytest.fail("it was read again"))
    assert tokens.user_of(text) == "ada"


def test_removed_file_holds_no_token(path: Path):
    text = token_file.add(path, "ada")
    tokens = StaticTokens(path)
    path.unlink()
    with pytest.raises(TokenInvalid, match="the token is not accepted: it is unknown"):
        tokens.user_of(text)


def test_malformed_file_admits_nobody_and_answers_503(path: Path, caplog: pytest.LogCaptureFixture):
    text = token_file.add(path, "ada")
    tokens, good = StaticTokens(path), path.read_bytes()
    path.write_text("geheim")
    for _ in range(2):
        with pytest.raises(TokensUnavailable) as refused:
            tokens.user_of(text)
        assert str(path) not in refused.value.text
    assert "tokens.json was not written by" in caplog.text
    assert "geheim" not in caplog.text
    path.write_bytes(good)
    assert tokens.user_of(text) == "ada"


def test_file_that_cannot_be_read_is_refused_at_start(path: Path):
    path.mkdir()
    with pytest.raises(ConfigurationError, match="cannot read the token file"):
        StaticTokens(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read every folder")
def test_folder_that_cannot_be_read_is_refused_at_start(path: Path):
    path.parent.chmod(0)
    try:
        with pytest.raises(ConfigurationError, match="cannot read the token file"):
            StaticTokens(path)
    finally:
        path.parent.chmod(0o700)
