"""The JSON of the answers of preflight, as types from which the OpenAPI document is generated.

Used by `api.routes.operations`. `api.routes.preflight_json` creates the answers; tests compare them with these types.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from api.openapi.schemas import Error, answer

LIMITS = {"largest_bundle": 17592186044416, "bytes_free": 52546240512}


class Limits(BaseModel):
    """The limits of a bundle."""

    largest_bundle: int = Field(description="The largest bundle that is accepted, in bytes.")
    bytes_free: int = Field(description="The free bytes of the spool that no upload has reserved.")


class Acceptable(Limits):
    """A document that the job would accept."""

    model_config = answer(
        "The job would accept the document.",
        {"acceptable": True, "policy": "accepted", "files": 2, "bytes": 4096, **LIMITS},
    )

    acceptable: Literal[True]
    policy: Literal["accepted"] = Field(description="What policy answered.")
    files: int = Field(description="The number of files that the document declares.")
    bytes: int = Field(description="The sum of their sizes, in bytes.")


class DocumentFault(BaseModel):
    """A fault of a document."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(description="The kind of fault. Codes never change.")
    text: str = Field(description="The fault and the entry or file, in a sentence.")


class Unacceptable(Error, Limits):
    """A document that the job would reject, with all of its faults."""

    model_config = answer(
        "The job would reject the document, for example with `metadata_invalid`, `submitter_mismatch` or `policy_rejected`.",
        {
            "status": "422 Unprocessable Entity",
            "code": "metadata_invalid",
            "message": "file 'results.csv' is listed twice in the metadata [file_listed_twice]",
            "acceptable": False,
            "faults": [{"code": "file_listed_twice", "text": "file 'results.csv' is listed twice in the metadata"}],
            "more_faults": 0,
            "policy": "unchecked",
            **LIMITS,
        },
    )

    acceptable: Literal[False]
    faults: list[DocumentFault] = Field(description="Up to 100 faults.")
    more_faults: int = Field(description="The number of further faults.")
    policy: Literal["rejected", "unchecked"] = Field(
        description="What policy answered. It is queried only for a document without other faults."
    )
