"""The password of Airflow's admin: random, shown when it is made, and never again."""

import json
from pathlib import Path

import pytest

from ingest.local.__main__ import say_password
from ingest.local.credentials import Credentials, load_credentials
from ingest.local.layout import Layout, make_folders


def test_password_is_shown_when_it_is_made_and_never_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    layout = Layout(tmp_path)
    make_folders(layout)
    made = load_credentials(layout)
    say_password(layout, made, first_start=True)
    assert made.admin_password in capsys.readouterr().out
    kept = load_credentials(layout)
    say_password(layout, kept, first_start=False)
    later = capsys.readouterr().out
    assert kept == made
    assert made.admin_password not in later
    assert str(layout.secrets) in later


def test_secrets_of_an_earlier_version_are_kept_and_completed(tmp_path: Path):
    layout = Layout(tmp_path)
    make_folders(layout)
    load_credentials(layout)
    kept = json.loads(layout.secrets.read_text())
    del kept["housekeeping_password"]
    layout.secrets.write_text(json.dumps(kept))
    completed = load_credentials(layout)
    assert {name: getattr(completed, name) for name in kept} == kept
    assert load_credentials(layout) == completed
    assert json.loads(layout.passwords.read_text())["housekeeping"] == completed.housekeeping_password


def test_no_two_instances_have_a_password_or_key_in_common():
    one, other = vars(Credentials()), vars(Credentials())
    assert not set(one.values()) & set(other.values())
    assert min(map(len, one.values())) >= 16
