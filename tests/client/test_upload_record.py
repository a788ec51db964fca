"""The record of an upload: what a restart continues, and what starts a new job."""

from pathlib import Path

import pytest

from pacifica_ingest_client.upload_record import UploadRecord

SERVER = "https://ingest.example.org"


def record_in(folder: Path, server: str = SERVER) -> UploadRecord:
    return UploadRecord(folder / "upload.json", server)


def started(folder: Path, digest: str = "abc") -> UploadRecord:
    record = record_in(folder)
    record.start(digest, again=False)
    return record


def test_a_restart_continues_the_upload(tmp_path: Path):
    first = started(tmp_path)
    first.set_upload("https://ingest.example.org/uploads/1")
    again = started(tmp_path)
    assert (again.upload_url, again.key) == ("https://ingest.example.org/uploads/1", first.key)


def test_a_finished_upload_keeps_its_job(tmp_path: Path):
    record = started(tmp_path)
    record.set_upload("url")
    record.set_job(17)
    assert (started(tmp_path).job_id, started(tmp_path).upload_url) == (17, None)


def test_other_contents_begin_a_new_upload_and_name_the_abandoned_one(tmp_path: Path):
    started(tmp_path).set_upload("url")
    record = record_in(tmp_path)
    assert record.start("other", again=False) == "url"
    assert (record.upload_url, record.job_id, record.key) == (None, None, '"other-0"')


def test_again_makes_another_key_once_there_is_a_job(tmp_path: Path):
    record = started(tmp_path)
    record.start("abc", again=True)
    assert record.key == '"abc-0"'
    record.set_job(17)
    record.start("abc", again=True)
    assert (record.key, record.job_id) == ('"abc-1"', None)


def test_the_record_of_another_server_does_not_count(tmp_path: Path):
    started(tmp_path).set_job(17)
    record = record_in(tmp_path, "https://other.example.org")
    record.start("abc", again=False)
    assert record.job_id is None


@pytest.mark.parametrize("content", ["", "{", "[]", "\0\0"])
def test_a_damaged_record_is_none(tmp_path: Path, content: str):
    (tmp_path / "upload.json").write_text(content)
    assert record_in(tmp_path).digest == ""
