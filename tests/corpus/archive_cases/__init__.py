"""The cases of tars, one module for each kind of fault."""

from tests.corpus.archive_cases import (
    containers,
    controls,
    false_headers,
    links,
    macos,
    many_members,
    names,
    truncated,
)
from tests.corpus.case import Case

CASES: list[Case] = [
    *controls.CASES,
    *containers.CASES,
    *truncated.CASES,
    *false_headers.CASES,
    *links.CASES,
    *macos.CASES,
    *many_members.CASES,
    *names.CASES,
]
