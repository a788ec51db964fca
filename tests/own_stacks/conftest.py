"""Fixtures of tests that each run stacks of their own.

In a folder of their own, because pytest keeps the shared stack of a folder until it has run the folder's last test.
"""

from tests.stack_fixtures import points  # noqa: F401 - a fixture
