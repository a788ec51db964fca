"""schemathesis sends the real server every request that the OpenAPI document allows, and many that it forbids."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.api.access.callers import UPLOADER, make_tokens, serving, token_settings

PROGRAM = Path(sys.executable).with_name("schemathesis")
# Disabled in the configuration, which says why.
NOT_TESTED = ("PATCH /uploads/{token}",)
CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
PHASES = ("examples", "coverage", "fuzzing", "stateful")


def run_schemathesis(
    folder: Path, database_url: str, settings: Mapping[str, str], phases: Sequence[str], options: Sequence[str] = ()
) -> int:
    """Run phases of schemathesis with all its checks; return the number of its requests, fail with its findings."""
    report = folder / "report.json"
    with serving(folder, database_url, settings) as server:
        result = subprocess.run(
            [
                str(PROGRAM), "--config-file", str(CONFIGURATION), "run", f"{server.url}/openapi.json",
                "--checks", "all", "--phases", ",".join(phases),
                "--report", "json", "--report-json-path", str(report), *options,
            ],
            cwd=folder, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
    assert result.returncode == 0, result.stdout
    found = json.loads(report.read_text())
    assert found["operations"]["tested"] == found["operations"]["total"] - len(NOT_TESTED)
    assert {name for name, phase in found["phases"].items() if phase["status"] == "success"} == set(phases)
    return int(found["test_cases"]["generated"])


def test_the_server_conforms_to_its_openapi_document(database_url: str, tmp_path: Path) -> None:
    # A long limit: slow requests have tests of their own.
    assert run_schemathesis(tmp_path, database_url, {"INGEST_RECEIVE_TIMEOUT": "60"}, PHASES) > 200


def test_the_server_conforms_to_its_openapi_document_with_tokens(database_url: str, tmp_path: Path) -> None:
    settings = {**token_settings(tmp_path), "INGEST_RECEIVE_TIMEOUT": "60"}
    token = make_tokens(tmp_path / "tokens.json")[UPLOADER]
    # One of the checks also sends requests without the token. The other phases would find nothing new.
    options = ["--header", f"Authorization: Bearer {token}"]
    assert run_schemathesis(tmp_path, database_url, settings, ["examples", "coverage"], options) > 100
