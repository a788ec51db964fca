"""The answers of the API about each job at the end of a soak: its state, and its receipt. Called by `soak`."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import requests
from sqlalchemy import Engine

from ingest.ledger import jobs
from ingest.receipts.receipt import InvalidReceipt, ReceiptFile, verify
from ingest.states.job_record import JobRecord
from tools.soak.journal import Journal
from tools.soak.uploads import Upload, upload
from tools.soak.watching import is_canceled
from tools.stack import TIMEOUT_SECONDS, Stack


@dataclass(frozen=True)
class AnswerComparison:
    """Compares the answers about jobs with the ledger and the uploads."""

    seed: int
    stack: Stack
    engine: Engine
    journal: Journal

    def compare(self) -> None:
        """Compare the answers about every job that was answered."""
        keys = requests.get(f"{self.stack.api}/.well-known/jwks.json", timeout=TIMEOUT_SECONDS).json()
        for job in list(self.journal.answered.values()):
            record = jobs.read(self.engine, job.job_id).record
            if fault := self._fault_of_state(job.job_id, record):
                self.journal.violate(job.job_id, fault)
            if fault := self._fault_of_receipt(job.job_id, record, upload(self.seed, job.number), keys):
                self.journal.violate(job.job_id, fault)

    def _fault_of_state(self, job_id: int, record: JobRecord) -> str | None:
        state = self.stack.state(job_id)
        if record.is_canceled and not is_canceled(state):
            return f"is canceled, and is shown as {state} at the end"
        if record.is_cataloged and not (state["complete"] and state["state"] == "OK"):
            return f"is catalogued, and is shown as {state} at the end"
        return None

    def _fault_of_receipt(self, job_id: int, record: JobRecord, made: Upload, keys: Mapping[str, Any]) -> str | None:
        answer = requests.get(f"{self.stack.api}/jobs/{job_id}/receipt", timeout=TIMEOUT_SECONDS)
        if not record.is_cataloged:
            refused = answer.status_code == HTTPStatus.CONFLICT
            return None if refused else f"is not catalogued, and its receipt was answered {answer.status_code}"
        if not answer.ok:
            return f"its receipt was answered {answer.status_code}: {answer.text[:300]}"
        return fault_of_receipt(answer.text, job_id, made, keys)


def fault_of_receipt(text: str, job_id: int, made: Upload, keys: Mapping[str, Any]) -> str | None:
    """Verify a receipt, and compare its files with those of the upload; return the fault, or None."""
    try:
        receipt = verify(text, keys)
        found = sorted(receipt.files(), key=lambda file: file.path)
    except InvalidReceipt as error:
        return f"its receipt is not valid: {error}"
    if receipt.job_id != job_id:
        return f"its receipt is that of job {receipt.job_id}"
    if found != sorted(_files(made), key=lambda file: file.path):
        return "its receipt lists other files than those that were sent"
    return None


def _files(made: Upload) -> list[ReceiptFile]:
    return [
        ReceiptFile(path.removeprefix("data/"), len(content), "sha1", hashlib.sha1(content).hexdigest())
        for path, content in made.contents()
    ]
