"""The proxy that imitates a bad network: each fault, seen from the client and from the server."""

import socket
from collections.abc import Iterator

import pytest

from tests.cutting_proxy import Cut, CuttingProxy, LostAnswer, Stall, cutting_proxy

TIMEOUT_SECONDS = 30


class Network:
    """A listening server, and a proxy in front of it."""

    def __init__(self, listener: socket.socket, proxy: CuttingProxy) -> None:
        self.listener = listener
        self.proxy = proxy
        self._open: list[socket.socket] = []

    def client(self) -> socket.socket:
        host, _, port = self.proxy.url.removeprefix("http://").partition(":")
        return self._kept(socket.create_connection((host, int(port)), TIMEOUT_SECONDS))

    def connect(self) -> tuple[socket.socket, socket.socket]:
        """Return both ends of a new connection through the proxy: the client's and the server's."""
        client = self.client()
        server, _ = self.listener.accept()
        server.settimeout(TIMEOUT_SECONDS)
        return client, self._kept(server)

    def close(self) -> None:
        for each in self._open:
            each.close()

    def _kept(self, connection: socket.socket) -> socket.socket:
        self._open.append(connection)
        return connection


@pytest.fixture
def network() -> Iterator[Network]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(TIMEOUT_SECONDS)
        host, port = listener.getsockname()
        with cutting_proxy(f"http://{host}:{port}") as proxy:
            network = Network(listener, proxy)
            yield network
            network.close()


def read(connection: socket.socket) -> bytes:
    """Return the bytes until the end of the connection."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


def test_everything_is_forwarded_without_faults(network: Network):
    client, server = network.connect()
    client.sendall(b"question")
    client.shutdown(socket.SHUT_WR)
    assert read(server) == b"question"
    server.sendall(b"answer")
    server.close()
    assert read(client) == b"answer"
    assert network.proxy.forwarded == len(b"question")


def test_cut_ends_the_connection_after_exactly_its_bytes(network: Network):
    network.proxy.add(Cut(after=100_000))
    client, server = network.connect()
    client.sendall(b"x" * 100_000)
    assert read(server) == b"x" * 100_000
    assert read(client) == b""
    assert network.proxy.forwarded == 100_000


def test_cut_with_a_reset_is_an_error_on_both_sides(network: Network):
    network.proxy.add(Cut(after=3, reset=True))
    client, server = network.connect()
    client.sendall(b"xyz")
    with pytest.raises(ConnectionResetError):
        read(server)
    with pytest.raises(ConnectionResetError):
        read(client)


def test_answer_that_is_lost_was_sent_by_a_server_that_has_the_whole_request(network: Network):
    network.proxy.add(LostAnswer(after=8))
    client, server = network.connect()
    client.sendall(b"head")
    assert server.recv(4) == b"head"
    server.sendall(b"100")
    assert client.recv(3) == b"100"
    client.sendall(b"body")
    assert server.recv(4) == b"body"
    server.sendall(b"200")
    with pytest.raises(ConnectionResetError):
        read(client)


def test_stalled_connection_forwards_nothing_until_it_is_released(network: Network):
    network.proxy.add(Stall(after=4))
    client, server = network.connect()
    client.sendall(b"headbody")
    client.close()
    network.proxy.wait_until_happened(Stall(after=4))
    assert server.recv(100) == b"head"
    server.setblocking(False)
    with pytest.raises(BlockingIOError):
        server.recv(100)
    network.proxy.release()
    server.settimeout(TIMEOUT_SECONDS)
    assert read(server) == b"body"


def test_faults_happen_in_their_order_on_the_first_connection_that_reaches_them(network: Network):
    network.proxy.add(Cut(after=6), Cut(after=2))
    small, large, last = network.connect(), network.connect(), network.connect()
    small[0].sendall(b"1")
    assert small[1].recv(100) == b"1"
    large[0].sendall(b"123456")
    assert read(large[1]) == b"123456"
    assert network.proxy.happened == [Cut(after=6)]
    small[0].sendall(b"2")
    assert read(small[1]) == b"2"
    assert network.proxy.happened == [Cut(after=6), Cut(after=2)]
    last[0].sendall(b"1234567")
    last[0].shutdown(socket.SHUT_WR)
    assert read(last[1]) == b"1234567"


def test_answer_to_a_request_that_was_not_read_whole_is_forwarded(network: Network):
    network.proxy.add(Stall(after=4))
    client, server = network.connect()
    client.sendall(b"headbody")
    assert server.recv(4) == b"head"
    server.sendall(b"refused")
    server.close()
    network.proxy.wait_until_happened(Stall(after=4))
    network.proxy.release()
    assert client.recv(7) == b"refused"


def test_connection_ends_if_the_server_refuses_connections(network: Network):
    network.listener.close()
    assert read(network.client()) == b""


def test_closed_proxy_refuses_connections_and_has_ended_the_open_ones(network: Network):
    client, server = network.connect()
    network.proxy.close()
    assert read(client) == b""
    assert read(server) == b""
    with pytest.raises(ConnectionRefusedError):
        network.client()
