"""The cases of the tar, a module for each thing that can be wrong."""

from tests.corpus.archive_cases import controls, links
from tests.corpus.case import Case

CASES: list[Case] = [*controls.CASES, *links.CASES]
