"""All cases of the corpus."""

from tests.corpus import archive_cases, metadata_cases, move_cases
from tests.corpus.case import Case

CASES: list[Case] = [*archive_cases.CASES, *metadata_cases.CASES, *move_cases.CASES]
