"""Names and errors are shown as one line that a terminal, a log and a database can hold."""

from hypothesis import example, given
from hypothesis import strategies as st

from ingest.system.sanitize import quote_name, to_one_line
from tests.properties.profile import property_of

# Also surrogates, by which Python represents bytes that are not UTF-8.
any_text = st.text(st.characters() | st.sampled_from("\x00\x1b\r\n\x85\u2028\u202e\u2066\x9b\ud800"), max_size=400)


@property_of
@given(any_text)
@example("\x1b[31m" + "x" * 1000)
@example("\U000e0001" * 300)
def test_quoted_name_is_one_bounded_line_without_control_characters(name: str):
    shown = quote_name(name)
    assert shown.isprintable()
    assert len(shown.splitlines()) == 1
    assert len(shown) <= 310


@property_of
@given(any_text)
def test_quoted_names_differ_as_the_names_do(name: str):
    if len(repr(name)) <= 300:
        assert quote_name(name) == repr(name)


@property_of
@given(any_text)
@example("a\u2028b")
@example("\x1b]0;title\x07")
@example("user\u202etxt.exe")
def test_one_line_is_one_line_that_can_be_stored_and_shown(text: str):
    line = to_one_line(text)
    assert len(line.splitlines()) <= 1
    assert line.isprintable()
    assert to_one_line(line) == line
