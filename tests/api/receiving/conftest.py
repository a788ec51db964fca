from itertools import count

import pytest

numbers = count(1)


@pytest.fixture
def key() -> str:
    """Return a new idempotency key."""
    return f"key {next(numbers)}"
