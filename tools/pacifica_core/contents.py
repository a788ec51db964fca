"""The contents of the real archive and the real catalog for a job, read directly."""

from typing import Any

import requests

from tools.pacifica_core.core import Core
from tools.pacifica_core.services import ARCHIVE, METADATA

TIMEOUT_SECONDS = 30
File = dict[str, Any]


def cataloged(core: Core, job_id: int) -> dict[str, File] | None:
    """Return the catalog's files of a job by their path; None when it does not hold the transaction."""
    url = f"{core.url(METADATA)}/transactioninfo"
    if requests.get(f"{url}/by_id/{job_id}", timeout=TIMEOUT_SECONDS).status_code == 404:
        return None
    answer = requests.get(f"{url}/files/{job_id}", timeout=TIMEOUT_SECONDS)
    answer.raise_for_status()
    return {"/".join(filter(None, (file["subdir"], file["name"]))): file for file in answer.json().values()}


def archived(core: Core, files: dict[str, File]) -> dict[str, bytes]:
    """Return the bytes that the archive holds of cataloged files, by their path."""
    return {path: fetch(core, int(file["_id"])) for path, file in files.items()}


def fetch(core: Core, file_id: int) -> bytes:
    """Return the bytes that the archive holds under an id."""
    answer = requests.get(f"{core.url(ARCHIVE)}/{file_id}", timeout=TIMEOUT_SECONDS)
    assert answer.status_code == 200, answer.text
    return answer.content


def stored(core: Core) -> set[str]:
    """Return the names of all files in the archive's folder."""
    folder = core.services[ARCHIVE].archive
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
