import socket
import threading
import time
from pathlib import Path

import pytest

from api.serving import client_socket
from api.serving.client_socket import ClientSocket
from api.serving.pace import Pace, slowest_rate
from ingest.settings import Settings

SECONDS = 60.0
SLOWEST = 1000


def send(pace: Pace, rate: float, seconds: int, pause: float = 1.0) -> None:
    for _ in range(int(seconds / pause)):
        if pause > pace.patience:
            raise TimeoutError("the socket would wait no longer")
        pace.count(pause, int(rate * pause))


def test_what_is_slow_but_fast_enough_goes_on_for_hours() -> None:
    send(Pace(SECONDS, SLOWEST), rate=SLOWEST, seconds=10 * 3600)


def test_long_pauses_are_made_good_by_what_comes_after_them() -> None:
    send(Pace(SECONDS, SLOWEST), rate=SLOWEST, seconds=3600, pause=50)


@pytest.mark.parametrize(
    ("size", "longest", "rate"),
    [(0, 3600, SLOWEST), (3600 * SLOWEST, 3600, SLOWEST), (3600 * 5000, 3600, 5000), (3600 * 5000, 0, SLOWEST)],
)
def test_the_slowest_rate_grows_with_the_announced_size(size: int, longest: float, rate: int) -> None:
    assert slowest_rate(Settings(slowest_upload=SLOWEST, longest_upload=longest), size) == rate


@pytest.mark.parametrize("rate", [1, SLOWEST // 2])
def test_what_is_too_slow_is_cut(rate: int) -> None:
    with pytest.raises(TimeoutError):
        send(Pace(SECONDS, SLOWEST), rate, seconds=3 * int(SECONDS))


def test_a_fast_beginning_buys_no_long_silence() -> None:
    pace = Pace(SECONDS, SLOWEST)
    pace.count(1.0, 10**12)
    assert pace.patience == SECONDS


def test_without_a_slowest_rate_any_byte_is_enough() -> None:
    send(Pace(SECONDS, slowest=0), rate=0.02, seconds=3600, pause=59)


def test_a_client_that_takes_no_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_socket, "PROMPT_SECONDS", 0.05)
    ours, theirs = socket.socketpair()
    with theirs, ClientSocket(fileno=ours.detach()) as client, pytest.raises(ConnectionResetError):
        client.sendall(b"x" * 100_000_000)


def test_a_client_that_takes_a_file_a_little_at_a_time_is_given_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(client_socket, "PROMPT_SECONDS", 0.2)
    (tmp_path / "file").write_bytes(bytes(100_000_000))
    ours, theirs = socket.socketpair()
    done = threading.Event()

    def sip() -> None:
        while not done.is_set():
            theirs.recv(1)
            time.sleep(0.01)

    taking = threading.Thread(target=sip)
    with theirs, ClientSocket(fileno=ours.detach()) as client, (tmp_path / "file").open("rb") as file:
        taking.start()
        with pytest.raises(ConnectionResetError):
            client.sendfile(file)
        done.set()
        taking.join()


@pytest.mark.parametrize(("offset", "count", "sent"), [(0, None, b"0123456789"), (2, 5, b"23456"), (9, 5, b"9")])
def test_a_file_is_sent_from_where_and_as_far_as_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, offset: int, count: int | None, sent: bytes
) -> None:
    monkeypatch.setattr(client_socket, "BLOCK", 3)
    (tmp_path / "file").write_bytes(b"0123456789")
    ours, theirs = socket.socketpair()
    with theirs, (tmp_path / "file").open("rb") as file:
        with ClientSocket(fileno=ours.detach()) as client:
            assert client.sendfile(file, offset, count) == len(sent)
        assert theirs.recv(100) == sent
