"""Headers with digests and keys: written values are read back equal, and everything else is refused with its own error."""

import http_sf
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.datastructures import Headers

from api.receiving.digests import CONTENT_DIGEST, REPR_DIGEST, WANT_REPR_DIGEST, requested_digests, to_field
from api.receiving.hashing import ALGORITHMS
from api.receiving.idempotency import HEADER, LONGEST_KEY, idempotency_key
from api.receiving.upload_errors import DigestInvalid, IdempotencyKeyInvalid
from tests.properties.profile import property_of

# Every text that WSGI passes on, and texts that look like structured fields.
TEXTS = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n")) | st.text(
    'shadmey0123456789-=:;,.?"()\\ @%*'
)
DIGESTS = st.sampled_from(sorted(ALGORITHMS)).flatmap(
    lambda name: st.tuples(st.just(name), st.binary(min_size=ALGORITHMS[name]().digest_size).map(
        lambda value: value[: ALGORITHMS[name]().digest_size]
    ))
)  # fmt: skip


@property_of
@given(st.sampled_from([REPR_DIGEST, CONTENT_DIGEST]), DIGESTS)
def test_declared_digest_is_read_as_it_was_written(header: str, digest: tuple[str, bytes]):
    algorithm, value = digest
    (declared,) = requested_digests(Headers({header: to_field(algorithm, {algorithm: value})})).declared
    assert (declared.header, declared.algorithm, declared.value) == (header, algorithm, value)


@property_of
@given(st.sampled_from([REPR_DIGEST, CONTENT_DIGEST, WANT_REPR_DIGEST]), TEXTS)
@example(WANT_REPR_DIGEST, "sha-256=?1")
@example(REPR_DIGEST, "sha-256=@1")
@example(REPR_DIGEST, 'sha-256=%"caf%c3%a9"')
def test_any_other_text_is_ignored_or_refused(header: str, text: str):
    try:
        found = requested_digests(Headers({header: text}))
    except DigestInvalid:
        return
    assert {len(each.value) for each in found.declared} <= {32, 64}


@property_of
@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=LONGEST_KEY))
def test_key_is_read_as_it_was_written(key: str):
    assert idempotency_key(Headers({HEADER: http_sf.ser(key)})) == key


@property_of
@given(TEXTS.filter(lambda text: not text.strip(" \t").startswith('"')))
def test_text_without_quotes_is_no_key(text: str):
    with pytest.raises(IdempotencyKeyInvalid):
        idempotency_key(Headers({HEADER: text}))


@property_of
@given(TEXTS.map(lambda text: f'"{text}'))
def test_text_that_begins_with_a_quote_is_a_key_or_refused(text: str):
    try:
        key = idempotency_key(Headers({HEADER: text}))
    except IdempotencyKeyInvalid:
        return
    assert key is not None
    assert key.isascii()
    assert key.isprintable()
