"""The password of Airflow's admin: random, and shown once, on the terminal on which it is created."""

import sys
from pathlib import Path

import pytest

from ingest.local.__main__ import say_password
from ingest.local.credentials import Credentials, load_credentials
from ingest.local.layout import Layout, make_folders


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path)
    make_folders(layout)
    return layout


def test_password_is_shown_when_it_is_made_and_never_again(
    layout: Layout, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    made = load_credentials(layout)
    say_password(layout, made, first_start=True)
    assert made.admin_password in capsys.readouterr().out
    kept = load_credentials(layout)
    say_password(layout, kept, first_start=False)
    later = capsys.readouterr().out
    assert kept == made
    assert made.admin_password not in later
    assert str(layout.secrets) in later


def test_password_is_not_written_into_a_pipe(layout: Layout, capsys: pytest.CaptureFixture[str]):
    made = load_credentials(layout)
    say_password(layout, made, first_start=True)
    output = capsys.readouterr().out
    assert made.admin_password not in output
    assert str(layout.secrets) in output


def test_no_two_instances_have_a_password_or_key_in_common():
    one, other = vars(Credentials()), vars(Credentials())
    assert not set(one.values()) & set(other.values())
    assert min(map(len, one.values())) >= 16
