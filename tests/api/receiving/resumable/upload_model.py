"""A model of an upload: what the server must answer to each part, as tus 1.0.0 and the draft -12 define it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PartSent:
    """A PATCH: where its bytes begin beside the offset, how many there are, and what its headers say.

    `is_last` is `Upload-Complete` of the draft, and None with tus. A body in chunks has no `Content-Length`.
    """

    shift: int
    size: int
    length: int | None
    is_last: bool | None
    in_chunks: bool

    def stated_length(self, offset: int) -> int | None:
        """Return the length that the headers state; raises ValueError if they are malformed or contradict each other."""
        if offset < 0:
            raise ValueError
        if not self.is_last or self.in_chunks:
            return self.length
        end = offset + self.size
        if self.length not in (None, end):
            raise ValueError
        return end


@dataclass
class UploadModel:
    """An upload: its offset, its length, whether the bundle ends there, and whether it is a job."""

    length: int | None
    ends_at_length: bool
    offset: int = 0
    complete: bool = False

    def patch(self, part: PartSent) -> int:
        """Apply a part; return the status of its answer."""
        offset = self.offset + part.shift
        try:
            length = part.stated_length(offset)
        except ValueError:
            return 400
        if offset != self.offset:
            return 409
        if self.complete:
            return 400 if part.size else self._status(part)
        return self._declare(length) or self._append(part)

    def _declare(self, length: int | None) -> int | None:
        """Store what the headers say; return the status of a refusal."""
        if length not in (None, self.length):
            if self.length is not None or length < self.offset or length == 0:
                return 400
            self.length = length
            self._complete_if_whole()
        return None

    def _append(self, part: PartSent) -> int:
        end = self.offset + part.size
        if self.length is not None and end > self.length:
            return 400
        self.offset = end
        self.ends_at_length = part.is_last is not False
        if part.is_last and (end == 0 or self.length not in (None, end)):
            return 400
        if part.is_last:
            self.length = end
        self._complete_if_whole()
        return self._status(part)

    def _complete_if_whole(self) -> None:
        """Complete an upload that has all bytes; the server does it with the next request, even after a refusal."""
        self.complete = self.ends_at_length and self.offset == self.length

    def _status(self, part: PartSent) -> int:
        return 200 if self.complete and part.is_last is not None else 204
