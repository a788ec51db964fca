"""The soak verifies the receipt of a job against the upload that it made."""

import json
from pathlib import Path
from typing import Any

import pytest

from ingest.states.stages import Kind
from tests.receipts.samples import save_receipt
from tests.tools.soak.conftest import first_upload
from tools.soak.answers import fault_of_receipt

JOB = 17
MADE = first_upload(Kind.INGEST, None)
CONTENTS = {path.removeprefix("data/"): content for path, content in MADE.contents()}
Signed = tuple[str, dict[str, Any]]


def signed(folder: Path, contents: dict[str, bytes]) -> Signed:
    """Return a receipt of some files, and the public keys."""
    save_receipt(folder / "receipt", contents, job_id=JOB, hash_type="sha1")
    return (folder / "receipt").read_text(), json.loads((folder / "receipt.jwks").read_text())


def test_receipt_of_the_upload_has_no_fault(tmp_path: Path):
    text, keys = signed(tmp_path, CONTENTS)
    assert fault_of_receipt(text, JOB, MADE, keys) is None


def test_receipt_of_another_job_is_found(tmp_path: Path):
    text, keys = signed(tmp_path, CONTENTS)
    assert fault_of_receipt(text, JOB + 1, MADE, keys) == f"its receipt is that of job {JOB}"


@pytest.mark.parametrize("change", [{"extra": b""}, {next(iter(CONTENTS)): b"other bytes"}])
def test_receipt_of_other_files_is_found(tmp_path: Path, change: dict[str, bytes]):
    text, keys = signed(tmp_path, {**CONTENTS, **change})
    assert fault_of_receipt(text, JOB, MADE, keys) == "its receipt lists other files than those that were sent"


def test_receipt_with_another_signature_is_found(tmp_path: Path):
    text, keys = signed(tmp_path, CONTENTS)
    (tmp_path / "other").mkdir()
    _, others = signed(tmp_path / "other", CONTENTS)
    assert str(fault_of_receipt(text, JOB, MADE, others)).startswith("its receipt is not valid: none of the keys is")
    assert str(fault_of_receipt(text[:-9], JOB, MADE, keys)).startswith(
        "its receipt is not valid: the receipt is damaged"
    )
