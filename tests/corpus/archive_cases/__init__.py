"""The cases of tars, one module for each kind of fault."""

from tests.corpus.archive_cases import containers, controls, cuts, lies, links, macos, many, names
from tests.corpus.case import Case

CASES: list[Case] = [
    *controls.CASES,
    *containers.CASES,
    *cuts.CASES,
    *lies.CASES,
    *links.CASES,
    *macos.CASES,
    *many.CASES,
    *names.CASES,
]
