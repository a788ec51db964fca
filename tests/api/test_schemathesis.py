"""schemathesis asks the real server for all that the OpenAPI document promises, and for what it does not."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.api.access.callers import UPLOADER, make_tokens, serving, token_settings

PROGRAM = Path(sys.executable).with_name("schemathesis")
CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
PHASES = {"examples", "coverage", "fuzzing", "stateful"}


def ask(folder: Path, database_url: str, settings: Mapping[str, str], options: Sequence[str] = ()) -> None:
    """Run schemathesis with all its checks; fails with what it found."""
    report = folder / "report.json"
    with serving(folder, database_url, settings) as server:
        result = subprocess.run(
            [
                str(PROGRAM), "--config-file", str(CONFIGURATION), "run", f"{server.url}/openapi.json",
                "--checks", "all", "--report", "json", "--report-json-path", str(report), *options,
            ],
            cwd=folder, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
    assert result.returncode == 0, result.stdout
    found = json.loads(report.read_text())
    assert found["operations"]["tested"] == found["operations"]["total"]
    assert {name for name, phase in found["phases"].items() if phase["status"] == "success"} == PHASES
    assert found["test_cases"]["generated"] > 200


def test_the_server_does_what_its_document_says(database_url: str, tmp_path: Path) -> None:
    # Slow requests are another test's matter.
    ask(tmp_path, database_url, {"INGEST_RECEIVE_TIMEOUT": "60"})


def test_the_server_does_what_its_document_says_when_it_asks_for_tokens(database_url: str, tmp_path: Path) -> None:
    settings = {**token_settings(tmp_path), "INGEST_RECEIVE_TIMEOUT": "60"}
    token = make_tokens(tmp_path / "tokens.json")[UPLOADER]
    ask(tmp_path, database_url, settings, ["--header", f"Authorization: Bearer {token}"])
