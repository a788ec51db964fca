"""The identity that a request proves. Returned by authentication, read by `api.access.auth`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Identity:
    """The user's name, and the submitter's id from the user's token, if the settings require one and the token has it."""

    user: str
    submitter: str | None = None
