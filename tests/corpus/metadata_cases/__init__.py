"""The cases of metadata.txt and of move documents, a module for each thing that can be wrong."""

from tests.corpus.case import Case
from tests.corpus.metadata_cases import forms

CASES: list[Case] = [*forms.CASES]
