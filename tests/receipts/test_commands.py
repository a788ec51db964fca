"""Both commands that verify receipts offline: each case has the same verdict from the admin's and the uploader's."""

import json
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from ingest.cli.main import main as admin_main
from pacifica_ingest_client.command.receipt import main as uploader_main
from tests.client.folders import write_files
from tests.receipts.samples import JOB, save_receipt

CONTENTS = {"run/a.txt": b"one\n", "run/sub/b.bin": bytes(1000), "run/empty": b"", "run/\u65e5\u672c.txt": b"x"}
MANY = {f"run/{number:05}.txt": str(number).encode() for number in range(20)}


class Verdict(NamedTuple):
    """The exit status and everything that was printed."""

    status: int
    text: str


Verify = Callable[..., Verdict]


@pytest.fixture(params=["admin", "uploader"])
def verify(request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Verify:
    """Return a function that verifies a receipt with one of the commands; 0 is valid, 1 invalid, 3 a folder that differs."""

    def run(*options: str, receipt: Path = tmp_path / "r", keys: Path | None = None) -> Verdict:
        arguments = [str(receipt), "--keys", str(keys or f"{receipt}.jwks"), *options]
        if request.param == "uploader":
            status = uploader_main(arguments)
            text = "".join(capsys.readouterr())
            return Verdict(3 if "is not what the archive holds" in text else status, text)
        files = Path(f"{receipt}.files")
        listed = ["--files", str(files)] if files.exists() else []
        return Verdict(admin_main(["receipt", "verify", *arguments, *listed]), "".join(capsys.readouterr()))

    return run


def make(tmp_path: Path, contents: Mapping[str, bytes] = CONTENTS, **options: bool) -> Path:
    """Write a folder and its receipt; return the folder."""
    save_receipt(tmp_path / "r", contents, **options)  # type: ignore[arg-type]
    return Path(write_files(tmp_path / "source", dict(contents)))


def test_a_valid_receipt(tmp_path: Path, verify: Verify) -> None:
    make(tmp_path)
    assert verify() == (0, f"the receipt of job {JOB} is valid; it has 4 files\n")


def test_a_folder_that_is_the_same(tmp_path: Path, verify: Verify) -> None:
    folder = make(tmp_path)
    expected = f"the receipt of job {JOB} is valid, and {{}} has exactly its files\n"
    for each in (folder, folder.parent):
        assert verify("--folder", str(each)) == (0, expected.format(each))


def test_every_difference_of_a_folder_is_named(tmp_path: Path, verify: Verify) -> None:
    folder = make(tmp_path)
    (folder / "a.txt").write_bytes(b"two\n")
    (folder / "empty").write_bytes(b"not empty")
    (folder / "sub" / "b.bin").unlink()
    (folder / "sub" / "new\n.txt").write_bytes(b"")
    status, text = verify("--folder", str(folder))
    assert status == 3
    for expected in (
        "differs: run/a.txt: its sha256 differs",
        "differs: run/empty: it has 9 bytes; archived were 0",
        "missing: run/sub/b.bin: it is in the archive, but not in the folder",
        "extra: run/sub/new\\n.txt: it is not in the receipt",
    ):
        assert expected in text
    assert "\u65e5" not in text


def test_excluded_names_are_not_compared(tmp_path: Path, verify: Verify) -> None:
    folder = make(tmp_path)
    (folder / "notes.tmp").write_text("not uploaded")
    assert verify("--folder", str(folder))[0] == 3
    assert verify("--folder", str(folder), "--exclude", "*.tmp")[0] == 0


def test_a_name_that_is_not_unicode_is_extra(tmp_path: Path, verify: Verify) -> None:
    folder = make(tmp_path)
    (Path(str(folder)) / "bad\udcff.txt").write_text("")
    status, text = verify("--folder", str(folder))
    assert (status, "extra: run/bad\\udcff.txt" in text) == (3, True)


def test_another_folder_has_none_of_the_files(tmp_path: Path, verify: Verify) -> None:
    make(tmp_path)
    (tmp_path / "other").mkdir()
    status, text = verify("--folder", str(tmp_path / "other"))
    assert (status, text.count("missing: ")) == (3, 4)


def test_a_missing_folder_is_an_error(tmp_path: Path, verify: Verify) -> None:
    make(tmp_path)
    status, text = verify("--folder", str(tmp_path / "nowhere"))
    assert (status, "nowhere" in text) == (1, True)


def test_many_files_are_verified_by_the_merkle_root(tmp_path: Path, verify: Verify) -> None:
    folder = make(tmp_path, MANY, listed=False)
    assert verify("--folder", str(folder))[0] == 0
    (folder / "00007.txt").write_bytes(b"8")
    status, text = verify("--folder", str(folder))
    assert (status, text.count("differs: "), "run/00007.txt" in text) == (3, 1, True)


@pytest.mark.parametrize("change", ["swapped", "shorter", "changed", "longer", "no JSON"])
def test_another_list_is_refused_before_any_file_is_compared(tmp_path: Path, verify: Verify, change: str) -> None:
    folder = make(tmp_path, MANY, listed=False)
    path = tmp_path / "r.files"
    lines = path.read_text().splitlines(keepends=True)
    if change == "swapped":
        lines[0], lines[1] = lines[1], lines[0]
    elif change == "shorter":
        lines.pop()
    elif change == "changed":
        lines[5] = lines[5].replace('"size":1', '"size":2')
    else:
        lines.append(lines[0].replace("00000", "x") if change == "longer" else "nonsense\n")
    path.write_text("".join(lines))
    status, text = verify("--folder", str(folder))
    assert status == 1
    assert "differs" not in text


def changed(receipt: str, part: int) -> str:
    """Return a receipt with one other character in one of its parts."""
    parts = receipt.split(".")
    old = parts[part]
    parts[part] = old[:9] + ("A" if old[9] != "A" else "B") + old[10:]
    return ".".join(parts)


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_changed_receipt_is_not_valid(tmp_path: Path, verify: Verify, part: int) -> None:
    make(tmp_path)
    path = tmp_path / "r"
    path.write_text(changed(path.read_text(), part))
    status, text = verify()
    assert status == 1
    assert "Traceback" not in text


@pytest.mark.parametrize("content", ["", "...", "not a receipt", "\u65e5"])
def test_something_else_is_no_receipt(tmp_path: Path, verify: Verify, content: str) -> None:
    make(tmp_path)
    (tmp_path / "r").write_text(content)
    assert verify().status == 1


def test_the_keys_of_another_service_do_not_verify(tmp_path: Path, verify: Verify) -> None:
    make(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    save_receipt(other / "r", CONTENTS)
    status, text = verify(keys=other / "r.jwks")
    assert (status, "none of the keys" in text) == (1, True)


@pytest.mark.parametrize("document", [[], {}, {"keys": None}, {"keys": [7]}, {"keys": [{"kid": "x"}]}])
def test_damaged_keys_are_an_error(tmp_path: Path, verify: Verify, document: object) -> None:
    make(tmp_path)
    (tmp_path / "k").write_text(json.dumps(document))
    assert verify(keys=tmp_path / "k").status == 1


def test_the_admins_command_creates_keys_and_verifies_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path)
    monkeypatch.setenv("INGEST_CONFIG", "")
    assert admin_main(["receipt", "key"]) == 1
    assert "[receipts] key_folder or INGEST_RECEIPT_KEY_FOLDER" in capsys.readouterr().err
    monkeypatch.setenv("INGEST_RECEIPT_KEY_FOLDER", str(tmp_path / "keys"))
    assert admin_main(["receipt", "key"]) == 0
    assert len(capsys.readouterr().out.strip()) == 43
    # The receipt was signed by the key that was just replaced.
    assert admin_main(["receipt", "verify", str(tmp_path / "r")]) == 0


def test_a_full_disk_is_named(tmp_path: Path, verify: Verify, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make(tmp_path, {f"run/{number:05}.txt": b"" for number in range(2000)})
    connect = sqlite3.connect

    def connect_to_small(name: str) -> sqlite3.Connection:
        connection = connect(name)
        connection.execute("PRAGMA max_page_count = 8")
        return connection

    monkeypatch.setattr(sqlite3, "connect", connect_to_small)
    verdict = verify("--folder", str(folder))
    assert verdict.status not in (0, 3)
    assert "database or disk is full" in verdict.text
