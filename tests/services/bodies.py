"""Request bodies for tests."""

import io


class Zeros(io.BytesIO):
    """A body of zeros that is never in memory as a whole; records the largest amount of a read."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._left = size
        self.largest_read = 0

    def read(self, amount: int | None = -1) -> bytes:
        assert amount is not None
        self.largest_read = max(self.largest_read, amount)
        amount = min(amount, self._left)
        self._left -= amount
        return bytes(amount)


class FailingBody(Zeros):
    """A body that returns `size` zeros, then raises."""

    def __init__(self, size: int, error: Exception) -> None:
        super().__init__(size)
        self._error = error

    def read(self, amount: int | None = -1) -> bytes:
        block = super().read(amount)
        if not block:
            raise self._error
        return block
