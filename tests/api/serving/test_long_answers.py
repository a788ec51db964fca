"""Long answers: a part may be longer than what the server keeps for a client."""

from flask import Flask

from api.serving.client_socket import MAX_UNSENT_BYTES
from api.serving.long_answers import SLICE, send_at_the_clients_pace


def test_a_part_of_any_size_is_sent_in_slices():
    parts = [b"", b"head", b"x" * (2 * MAX_UNSENT_BYTES + 1), b"end"]
    with Flask(__name__).test_request_context():
        sent = list(send_at_the_clients_pace(parts, "text/csv").iter_encoded())
    assert b"".join(sent) == b"".join(parts)
    assert max(map(len, sent)) == SLICE < MAX_UNSENT_BYTES
