"""Nothing remains of a preflight: no row, no id, no file, whatever ends it."""

import json
import os
import signal
import socket
from pathlib import Path
from threading import Thread

import requests

from tests.api.clients import refusal
from tests.api.live_server import Server, execute, serving_alone
from tests.api.routes.preflights import FILE, HEAD, SOURCE, check, unchanged
from tools.bundles import CONTENTS, Entry, metadata_of, transaction
from tools.waiting import wait_until

# A table of another session counts as used once it has a page.
TEMPORARY_FILES = """
SELECT 1 FROM pg_class WHERE relname = 'file' AND relpersistence = 't' AND pg_relation_size(oid) > 0
"""


def test_nothing_remains_of_any_verdict(server: Server) -> None:
    documents: list[tuple[list[Entry] | bytes, str]] = [
        (metadata_of(CONTENTS), "/preflight"),
        ([*transaction(), FILE, FILE], "/preflight"),
        ([*transaction(), SOURCE], "/preflight/move"),
        (b"[", "/preflight"),
        ([FILE], "/preflight"),
    ]
    with unchanged(server.database_url, server.spool):
        statuses = [check(server, body, path).status_code for body, path in documents]
    assert statuses == [200, 422, 200, 422, 422]


def test_nothing_remains_of_a_document_that_breaks_off(server: Server) -> None:
    with unchanged(server.database_url, server.spool), server.connect() as connection:
        connection.sendall(HEAD + b"Content-Length: 99\r\n\r\n[{")
        connection.shutdown(socket.SHUT_WR)
        assert refusal(connection) == "400 body_incomplete"


def many_files(count: int) -> bytes:
    return json.dumps([*transaction(), *({**FILE, "name": str(number)} for number in range(count))]).encode()


def test_nothing_remains_after_a_kill_in_the_middle(database_url: str, tmp_path: Path) -> None:
    with serving_alone(tmp_path, database_url) as server, unchanged(server.database_url, server.spool):
        document = many_files(100_000)
        answered: list[object] = []

        def post() -> None:
            try:
                answered.append(check(server, document))
            except requests.ConnectionError:
                answered.append(None)

        client = Thread(target=post)
        client.start()
        wait_until(lambda: bool(execute(database_url, TEMPORARY_FILES)), 60, lambda: "no check has begun")
        for worker in server.workers():
            os.kill(worker, signal.SIGKILL)
        client.join(60)
        assert answered == [None]
        # The server starts new workers, and the next document finds no trace of the first.
        wait_until(lambda: _is_accepted(server), 60, lambda: "no worker answers")


def _is_accepted(server: Server) -> bool:
    try:
        return check(server, metadata_of(CONTENTS)).ok
    except requests.ConnectionError:
        return False
