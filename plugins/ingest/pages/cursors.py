"""The place in a list of rows, as the query of an address names it. Called by `job_files` and `job_events`."""

from collections.abc import Mapping

LARGEST_ROW = 2**63 - 1


def row_of(query: Mapping[str, str]) -> int:
    """Return the row after which a page begins; 0 for the first page, and for a place that cannot be read."""
    text = query.get("cursor", "")
    is_row = text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST_ROW))
    return min(int(text), LARGEST_ROW) if is_row else 0
