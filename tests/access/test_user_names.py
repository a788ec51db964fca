import pytest

from ingest.access.user_names import MAX_LENGTH, invalid_reason


@pytest.mark.parametrize(
    "name", ["ada", "Ada Lovelace", "ada@example.org", "müller", "日本", "CN=ada,O=x", "a" * MAX_LENGTH]
)
def test_valid_name_is_accepted(name: str):
    assert invalid_reason(name) is None


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "empty"),
        ("a" * (MAX_LENGTH + 1), "longer than 255"),
        ("ada\n2026-11-25 job 7 catalogued", "cannot be printed"),
        ("ada\r", "cannot be printed"),
        ("ada\x00", "cannot be printed"),
        ("\x1b[2Jada", "cannot be printed"),
        ("ada\x85", "cannot be printed"),
        ("ada\u2028x", "cannot be printed"),
        ("ada\u202eadmin", "cannot be printed"),
        ("ad\u200ba", "cannot be printed"),
        ("\udce9", "cannot be printed"),
        (" ada", "space"),
        ("ada ", "space"),
    ],
)
def test_name_that_could_forge_a_line_or_pass_for_another_is_refused(name: str, why: str):
    assert why in (invalid_reason(name) or "")
