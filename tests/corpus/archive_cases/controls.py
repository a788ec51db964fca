"""Bundles that look odd and are taken."""

from pathlib import Path

from tests.bundles import make_bundle
from tests.corpus.case import Accepted, Case


def small(path: Path) -> None:
    """As little as a bundle can hold."""
    make_bundle({"data/one": b"one"}, path=path)


CASES: list[Case] = [Accepted("good small bundle", small, (b"one",))]
