"""docs/how-to/upload.md describes every option and every error code of the client."""

import re
from pathlib import Path

import pytest

from pacifica_ingest_client import errors
from pacifica_ingest_client.command.main import main

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "upload.md").read_text(encoding="utf-8")
# Those that other errors extend are never raised themselves.
BASES = (errors.ClientError, errors.UploaderError, errors.ServiceError)
KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.ClientError) and kind not in BASES
]


def test_every_error_code_is_documented_with_its_exit_status():
    documented = re.findall(r"^\| `(\w+)` \| (\d) \|", PAGE, re.MULTILINE)
    assert sorted(documented) == sorted({(kind.code, str(kind.exit_status.value)) for kind in KINDS})


def test_every_exit_status_is_documented():
    documented = re.findall(r"^\| (\d) \|", PAGE, re.MULTILINE)
    assert documented == [str(status.value) for status in errors.ExitStatus]


def test_every_option_is_documented(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        main(["--help"])
    options = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help", "--version"}
    assert {option for option in options if not re.search(rf"{option}\b(?!-)", PAGE)} == set()


def test_the_tree_of_errors_is_complete():
    drawn = re.findall(r"[├└]── (\w+)", str(errors.__doc__))
    assert sorted(drawn) == sorted(kind.__name__ for kind in (*KINDS, *BASES) if kind is not errors.ClientError)
