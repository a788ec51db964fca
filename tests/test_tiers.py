"""Markers and groups name existing tests: a wrong prefix would put a test into no tier, or apart from its stack."""

from pathlib import Path

import pytest

from tests.groups import GROUPS
from tests.tiers import PLACES

TESTS = Path(__file__).parent
PREFIXES = {prefix for prefixes in (*PLACES.values(), *(found for _, found in GROUPS)) for prefix in prefixes}


@pytest.mark.parametrize("prefix", sorted(PREFIXES))
def test_prefix_names_existing_tests(prefix: str):
    path, _, function = prefix.partition("::")
    found = list(TESTS.glob(f"{path}**/test_*.py" if path.endswith("/") else f"{path}*"))
    assert found
    assert function in "".join(each.read_text() for each in found)


def test_exactly_one_test_of_the_whole_stack_is_in_the_fast_tier():
    marked = [path for path in TESTS.glob("e2e*/**/*.py") if "@pytest.mark.smoke" in path.read_text()]
    assert [path.name for path in marked] == ["test_bundles.py"]
