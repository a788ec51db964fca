"""How long a client may keep a thread waiting for its next bytes.

Used by `api.serving.client_socket`; `api.receiving.body` sets the pace of an upload.
"""

from ingest.settings.loading import Settings


def slowest_rate(settings: Settings, size: int) -> int:
    """Return the bytes a second that an upload must bring: at least so many that it ends within `longest_upload` seconds.

    What holds much space must come fast. `size` is what was announced, 0 for an upload in chunks, which holds no space.
    """
    needed = size / settings.longest_upload if settings.longest_upload else 0
    return max(settings.slowest_upload, int(needed))


class Pace:
    """The patience for a client that sends: used up while it is waited for, given back by the bytes that come.

    A client that sends nothing has it used up after `seconds`. One that sends has the time back that its bytes take at
    `slowest` bytes a second (0: all of it for any byte), and never more than `seconds`. So what is measured is the average
    over that time, and only the time that was waited: a disk of ours that is slow is not the client's fault.
    """

    def __init__(self, seconds: float, slowest: int) -> None:
        self.seconds = seconds
        self.slowest = slowest
        self.patience = seconds

    @property
    def broken(self) -> str:
        """What a client did who has no patience left, in a sentence."""
        least = f"{self.slowest} bytes a second" if self.slowest else "a byte"
        return f"less than {least} came in {self.seconds:g} seconds; send it again, faster"

    def count(self, waited: float, size: int) -> None:
        """Take the seconds off that were waited for `size` bytes, and add what they are worth; raises TimeoutError."""
        worth = size / self.slowest if self.slowest else self.seconds
        self.patience = min(self.seconds, self.patience - waited + worth)
        if self.patience <= 0:
            raise TimeoutError("the client is too slow")
