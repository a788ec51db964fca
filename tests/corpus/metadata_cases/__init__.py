"""The cases of metadata.txt, one module for each kind of fault."""

from tests.corpus.case import Case
from tests.corpus.metadata_cases import accepted, alike, files, forms, sizes, values

CASES: list[Case] = [*forms.CASES, *sizes.CASES, *values.CASES, *files.CASES, *alike.CASES, *accepted.CASES]
