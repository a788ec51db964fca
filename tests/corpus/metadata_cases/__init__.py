"""The cases of metadata.txt, one module for each kind of fault."""

from tests.corpus.case import Case
from tests.corpus.metadata_cases import accepted, files, forms, lookalike_names, sizes, values

CASES: list[Case] = [*forms.CASES, *sizes.CASES, *values.CASES, *files.CASES, *lookalike_names.CASES, *accepted.CASES]
