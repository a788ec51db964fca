"""What a request has proven about its sender. Made by the ways to prove it, read by `api.access.auth`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Proven:
    """The user's name, and the submitter's id that the user's token holds, where it holds one that is wanted."""

    user: str
    submitter: str | None = None
