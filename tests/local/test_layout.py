import os
from pathlib import Path

import pytest

from ingest.local.layout import Layout, find_layout, lock, make_folders, write_private
from ingest.local.reporting import LaunchFailure


def test_all_state_is_in_one_folder_that_is_a_setting(tmp_path: Path):
    layout = find_layout({"INGEST_HOME": str(tmp_path)})

    assert layout.postgres == tmp_path / "postgres"
    assert layout.log("api") == tmp_path / "logs" / "api.log"


def test_a_relative_folder_is_taken_from_where_the_launcher_was_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)

    assert find_layout({"INGEST_HOME": "here"}).home == tmp_path / "here"


@pytest.mark.parametrize("name", ["with space", "hundred%", "quote'", "comma,", "x" * 120])
def test_sockets_are_elsewhere_when_the_path_is_unsuitable(name: str):
    home = Path("/data") / name

    sockets = Layout(home).sockets

    assert home not in sockets.parents
    assert len(os.fsencode(sockets / ".s.PGSQL.5432.lock")) < 107
    assert sockets != Layout(home / "other").sockets


def test_sockets_are_inside_a_plain_path():
    assert Layout(Path("/data/ingest")).sockets == Path("/data/ingest/sockets")


def test_new_folders_are_private_and_existing_ones_keep_their_permissions(tmp_path: Path):
    home = tmp_path / "shared"
    home.mkdir()
    home.chmod(0o755)

    make_folders(Layout(home))

    assert home.stat().st_mode & 0o777 == 0o755
    assert (home / "airflow").stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_created_is_reported_in_one_line(tmp_path: Path):
    (tmp_path / "file").touch()

    with pytest.raises(LaunchFailure, match=r"cannot create .*file.*: .*; set INGEST_HOME"):
        make_folders(Layout(tmp_path / "file" / "home"))


def test_a_socket_folder_that_others_can_enter_is_refused(tmp_path: Path):
    layout = Layout(tmp_path / "with space")
    layout.sockets.mkdir()
    layout.sockets.chmod(0o777)
    try:
        with pytest.raises(LaunchFailure, match="only you can enter"):
            make_folders(layout)
    finally:
        layout.sockets.rmdir()


def test_one_launcher_at_a_time(tmp_path: Path):
    first = lock(Layout(tmp_path))

    with pytest.raises(LaunchFailure, match="another instance runs"):
        lock(Layout(tmp_path))

    os.close(first)
    os.close(lock(Layout(tmp_path)))


def test_a_private_file_replaces_the_one_before(tmp_path: Path):
    path = tmp_path / "secrets"
    path.write_text("old")
    path.chmod(0o644)

    write_private(path, "new")

    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
