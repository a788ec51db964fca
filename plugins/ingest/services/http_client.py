"""The HTTP client of all Pacifica services; the four clients use it.

Every request has time-outs, follows no redirect, and fails with a typed error. Nothing is retried here: the DAG is the only
layer that retries. urllib3 replaces an idle connection that the service has closed before it uses it.
"""

import io
import json
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

import urllib3
from urllib3.util import make_headers

from ingest.errors.types import ServiceUnavailable
from ingest.ledger.database import first_line
from ingest.services.answer import DOCUMENT_LIMIT, Answer
from ingest.services.http_adapter import make_pool
from ingest.services.request_counts import NO_ANSWER, Observer, ignore
from ingest.services.sized_body import SizedBody
from ingest.system.sanitize import redact_url, root_cause
from ingest.system.tracing import open_call

# Bad Gateway, Service Unavailable, Gateway Timeout.
UNREACHED = (502, 503, 504)


class HttpClient:
    """The connections to one service.

    The paths of requests are appended to `base_url`; the time-outs are in seconds, `transfer_size` in bytes. `observe` is
    called after each request.
    """

    def __init__(
        self,
        service_name: str,
        base_url: str,
        connect_timeout: float,
        read_timeout: float,
        transfer_size: int,
        observe: Observer = ignore,
    ) -> None:
        self.service = service_name
        self.base_url = base_url.rstrip("/")
        self.connect_timeout = connect_timeout
        self.read_timeout = read_timeout
        self.headers = _headers(base_url)
        self.observe = observe
        # Without proxies and .netrc of the environment, which are for interactive programs.
        self._pool = make_pool(transfer_size, read_timeout)

    def close(self) -> None:
        """Close the connections; closing twice is not an error."""
        self._pool.clear()

    @property
    def max_seconds(self) -> float:
        """The maximum duration of a request without a long body, in seconds."""
        return self.connect_timeout + self.read_timeout

    def answers(self) -> bool:
        """Return whether the service answers at all, with any status but those of a proxy that does not reach it."""
        try:
            with closing(self._send("GET", "", None, None, 0.0)) as response:
                return response.status not in UNREACHED
        except (urllib3.exceptions.HTTPError, UnicodeError):
            return False

    @contextmanager
    def request(
        self,
        method: str,
        path: str = "",
        *,
        expected: Collection[int] = (200,),
        headers: Mapping[str, str | bytes] | None = None,
        body: BinaryIO | None = None,
        size: int = 0,
        extra_seconds: float = 0.0,
    ) -> Iterator[Answer]:
        """Send a request and yield the answer, which can be read inside the `with` block.

        Args:
            method: The HTTP method.
            path: The path to append to the base URL, with its slash.
            expected: The statuses that the caller handles.
            headers: Headers to send.
            body: The body, from its current position; read once, in blocks.
            size: Its length in bytes, sent as Content-Length.
            extra_seconds: Seconds to add to the read time-out, for requests that take the service long.

        Raises:
            ServiceUnavailable: No connection, a time-out, a broken connection (also while the answer is read), a body of
                another size than announced, or a status that is not expected.
            Exception: Exceptions of `body.read`, unchanged.
        """
        sized = SizedBody(body, size, self.service, self.format_address(path)) if body is not None else None
        try:
            with (
                open_call(self.service, method, self.base_url + path) as call,
                closing(
                    self._send(method, path, {**(headers or {}), **call.headers}, sized, extra_seconds)
                ) as response,
            ):
                answer = Answer(response)
                call.status = answer.status
                if answer.status not in expected:
                    raise self.unavailable(path, answer.failure_text())
                yield answer
                answer.read(DOCUMENT_LIMIT)  # a connection is reused only if the whole body was read
        except (urllib3.exceptions.HTTPError, UnicodeError) as error:
            if sized is not None and sized.failure is not None:
                raise sized.failure from None
            raise self.unavailable(path, self.explain(error)) from error

    def unavailable(self, path: str, reason: str, *, refuses_document: bool = False) -> ServiceUnavailable:
        """Return the error that this service is unavailable, with the reason in one line."""
        return ServiceUnavailable(self.service, self.format_address(path), reason, refuses_document=refuses_document)

    def _send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str | bytes] | None,
        body: SizedBody | None,
        extra_seconds: float,
    ) -> urllib3.BaseHTTPResponse:
        sent = {**self.headers, **(headers or {})}
        if body is not None:
            sent["Content-Length"] = str(len(body))
            if not len(body):
                body.read(1)
        status, began = NO_ANSWER, time.monotonic()
        try:
            response = self._pool.urlopen(
                method,
                self.base_url + path,
                body=body or None,
                headers=sent,
                timeout=urllib3.Timeout(connect=self.connect_timeout, read=self.read_timeout + extra_seconds),
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
            )
            status = str(response.status)
            return response
        finally:
            self.observe(self.service, method, status, time.monotonic() - began)

    def format_address(self, path: str) -> str:
        """Return the address of a path for messages, without a password."""
        return redact_url(self.base_url + path)

    def explain(self, error: Exception) -> str:
        """Return in one line why no answer arrived."""
        errors = urllib3.exceptions
        # A refused connection is a subclass of the connect time-out.
        if isinstance(error, errors.ConnectTimeoutError) and not isinstance(error, errors.NewConnectionError):
            return f"no connection within {self.connect_timeout:g} seconds"
        cause = root_cause(error)
        if isinstance(cause, TimeoutError | errors.TimeoutError):
            return f"no answer for {self.read_timeout:g} seconds or longer"
        return first_line(cause)


def _headers(url: str) -> dict[str, str | bytes]:
    parts = urlsplit(url)
    if parts.username is None:
        return {}
    return {**make_headers(basic_auth=f"{unquote(parts.username)}:{unquote(parts.password or '')}")}


def json_body(document: object) -> tuple[BinaryIO, int]:
    """Return a small JSON document as a request body, and its size in bytes."""
    encoded = json.dumps(document).encode()
    return io.BytesIO(encoded), len(encoded)
