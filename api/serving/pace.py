"""How long a client may keep a thread waiting for its next bytes.

Used by `api.serving.client_socket`; `api.receiving.body` sets the pace of an upload.
"""

from ingest.settings.loading import Settings


def slowest_rate(settings: Settings, size: int) -> int:
    """Return the bytes per second that an upload must reach, so that it ends within `longest_upload` seconds.

    An upload that reserves much space must be fast. `size` is the announced size, 0 for an upload in chunks, which reserves
    no space.
    """
    needed = size / settings.longest_upload if settings.longest_upload else 0
    return max(settings.slowest_upload, int(needed))


class Pace:
    """The time budget of a client: spent while the server waits for it, restored by the bytes that arrive.

    A client that sends nothing has spent the budget after `seconds`. Each byte restores the time that it takes at `slowest`
    bytes per second (0: any byte restores the whole budget), up to `seconds`. The result is the average rate over that time.
    Only waiting counts: a slow disk of the server is not the client's fault.
    """

    def __init__(self, seconds: float, slowest: int) -> None:
        self.seconds = seconds
        self.slowest = slowest
        self.remaining_seconds = seconds

    @property
    def too_slow_message(self) -> str:
        """The message to a client that was too slow."""
        least = f"{self.slowest} bytes a second" if self.slowest else "a byte"
        return f"less than {least} arrived in {self.seconds:g} seconds"

    def wait(self, waited: float) -> None:
        """Subtract seconds in which nothing arrived; raises TimeoutError."""
        self._change(-waited)

    def count(self, waited: float, size: int) -> None:
        """Subtract the seconds of waiting for `size` bytes, and add the time that they restore; raises TimeoutError."""
        self._change((size / self.slowest if self.slowest else self.seconds) - waited)

    def _change(self, seconds: float) -> None:
        self.remaining_seconds = min(self.seconds, self.remaining_seconds + seconds)
        if self.remaining_seconds <= 0:
            raise TimeoutError("the client is too slow")
