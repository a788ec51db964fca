"""The limit of `get_state`: a bare epoll server that returns the same answer to every request.

    python -m bench.systems.fixed_answer BODY

It is also the limit of the poller itself. Prints its port, and serves until it is terminated. Started by the row
`get_state`.
"""

import select
import socket
import sys

BLOCK = 64 * 1024
REQUEST_END = b"\r\n\r\n"


def main(body: str) -> None:
    """Serve until the process is terminated."""
    encoded = body.encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(encoded)}\r\n\r\n"
    answer = head.encode() + encoded
    with socket.create_server(("127.0.0.1", 0), backlog=512) as server:
        print(server.getsockname()[1], flush=True)
        epoll, clients = select.epoll(), {server.fileno(): server}
        epoll.register(server, select.EPOLLIN)
        while True:
            for descriptor, _ in epoll.poll():
                if descriptor == server.fileno():
                    connection, _address = server.accept()
                    clients[connection.fileno()] = connection
                    epoll.register(connection, select.EPOLLIN)
                elif not answer_request(clients[descriptor], answer):
                    clients.pop(descriptor).close()


def answer_request(connection: socket.socket, answer: bytes) -> bool:
    """Answer the request if it is complete; return whether the client is still connected."""
    try:
        block = connection.recv(BLOCK)
        if block.endswith(REQUEST_END):
            connection.sendall(answer)
    except ConnectionError:
        return False
    return bool(block)


if __name__ == "__main__":
    main(sys.argv[1])
