"""The example in docs/reference/receipts.md is what the code signs, and each of its fields is described."""

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ingest.receipts.content import CatalogedJob, file_line, sign
from ingest.receipts.keys import create_key, read_keys
from tests.receipts.verifier import claims_of

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "receipts.md").read_text(encoding="utf-8")
MOMENT = datetime(2026, 11, 30, 12, 0, 0, 250000, UTC)


def names(claims: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in claims.items():
        if isinstance(value, dict):
            yield from names(value, f"{name}.")
        else:
            yield prefix + name


def test_the_example_is_what_the_code_signs(tmp_path: Path) -> None:
    create_key(tmp_path)
    keys = read_keys(tmp_path)
    assert keys.signing is not None
    file = file_line("run-17/a.txt", 4, "sha256", hashlib.sha256(b"one\n").hexdigest(), 100)
    digest = hashlib.sha256(b"hello world").digest()
    job = CatalogedJob(17, "ingest", "ada", MOMENT, MOMENT, 10240, digest, 1, 4)
    (example,) = re.findall(r"```json\n(.*?)\n```", PAGE)
    assert claims_of(sign(job, f"[{file}]", keys.signing), dict(keys.public)) == json.loads(example)


def test_every_field_is_described() -> None:
    (example,) = re.findall(r"```json\n(.*?)\n```", PAGE)
    claims = json.loads(example)
    cells = " ".join(re.findall(r"^\| (`.*?`) \|", PAGE, re.MULTILINE))
    described = set(re.findall(r"`([\w.]+)`", cells))
    fields = {*names(claims), *claims["files"]["list"][0]}
    assert fields <= described
    assert described - fields == {"alg", "kid", "typ", "files.merkle_root"}
