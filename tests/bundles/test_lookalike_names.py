"""Names that look alike are found for every kind of difference, and shown differently."""

import unicodedata

import pytest
from hypothesis import given

from ingest.bundles.alike_names import difference, likeness, shown_apart
from tests.properties.documents import names
from tests.properties.profile import property_of

FOLDER = "\u65e5\u672c\u8a9e/" * 30


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("e\u0301", "\u00e9", "in Unicode form"),
        ("A.txt", "a.txt", "in case"),
        ("\u0130", "i\u0307", "in case"),
        ("E\u0301", "\u00e9", "in case and Unicode form"),
        ("a ", "a", "in spaces"),
        ("a\u3000b", "a b", "in spaces"),
        ("a\u00ad", "a", "in spaces"),
        ("A b", "ab", "in case, spaces and Unicode form"),
        ("\u0430", "a", "in characters that look alike"),
        ("\u212b", "\u00c5", "in Unicode form"),
        ("\u00b5", "\u03bc", "in case"),
        ("fi", "\ufb01", "in case"),
        ("it\u2019s", "it's", "in characters that look alike"),
    ],
)
def test_names_that_look_alike_are_found_with_their_difference(one: str, other: str, expected: str):
    assert likeness(one) == likeness(other)
    assert difference(one, other) == expected
    assert difference(other, one) == expected


@pytest.mark.parametrize(("one", "other"), [("\u00e4", "a"), ("\u00e4", "\u00f6"), ("a/b", "ab"), ("run1", "run2")])
def test_names_that_a_person_can_distinguish_do_not_look_alike(one: str, other: str):
    assert likeness(one) != likeness(other)


@property_of
@given(names)
def test_name_looks_like_itself_in_every_unicode_form_and_with_spaces(name: str):
    forms = [unicodedata.normalize(form, name) for form in ("NFC", "NFD")]
    assert {likeness(each) for each in [*forms, f" {name}\u00a0", f"{name}\u200b"]} == {likeness(name)}


@pytest.mark.parametrize("folder", ["", "a/", FOLDER, "a" * 290 + "/"])
def test_names_that_differ_are_never_shown_alike(folder: str):
    one, other = shown_apart(f"{folder}e\u0301.txt", f"{folder}\u00e9.txt").split(" and ")
    assert one.endswith(r"e\u0301.txt'")
    assert other.endswith(r"\xe9.txt'")
    assert len(one) < 310
