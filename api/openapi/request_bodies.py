"""The documentation of request bodies. Used by `api.routes.operations`."""

from typing import Any

BUNDLE: dict[str, Any] = {
    "requestBody": {
        "description": "The tar itself.",
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary", "minLength": 1}}},
    }
}
PART: dict[str, Any] = {
    "requestBody": {
        "description": "The next bytes of the tar. By the IETF draft the type is `application/partial-upload`.",
        "required": True,
        "content": {"application/offset+octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
EXAMPLE: list[dict[str, Any]] = [
    {"destinationTable": "Transactions.submitter", "value": 10},
    {"destinationTable": "Transactions.project", "value": "1234a"},
    {"destinationTable": "Transactions.instrument", "value": 54},
    {
        "destinationTable": "Files",
        "source": "/srv/instrument/results.csv",
        "name": "results.csv",
        "subdir": "mywork",
        "mimetype": "text/csv",
        "size": 30,
        "hashtype": "sha1",
        "hashsum": "f417953edd48e20f956b693751249f7dcdf04429",
        "mtime": "2026-11-23T12:00:00",
        "ctime": "2026-11-23T12:00:00",
    },
]
BUNDLE_EXAMPLE = [{key: value for key, value in entry.items() if key != "source"} for entry in EXAMPLE]


def _document(description: str, example: list[dict[str, Any]]) -> dict[str, Any]:
    schema = {"type": "array", "items": {"type": "object"}, "minItems": 1}
    content = {"application/json": {"schema": schema, "example": example}}
    return {"requestBody": {"description": description, "required": True, "content": content}}


DOCUMENT = _document(
    "A move document: a list of objects. Three of them name submitter, project and instrument; each other names a file. The "
    "form of the document is checked before the answer, the content of the objects by the job.",
    EXAMPLE,
)
METADATA = _document("The `metadata.txt` of the bundle.", BUNDLE_EXAMPLE)
CHECKED_MOVE = _document("The move document.", EXAMPLE)
