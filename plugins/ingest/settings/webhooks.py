"""The webhooks: the sections `[webhook:NAME]` of the INI file.

Read by `ingest.settings.loading`; used by `ingest.operations.notify` and the command line. A wrong or unknown option is an
error, never ignored: a misspelled `users` would otherwise send every user's notifications.
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Collection, Mapping
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from ingest.errors.types import ConfigurationError
from ingest.settings.access import UserNames
from ingest.settings.ini_file import WEBHOOK_PREFIX
from ingest.settings.types import Words, split_words
from ingest.states.notifications import NotificationType

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
SECRET_PREFIX = "whsec_"  # noqa: S105 - not a secret but the prefix of all of them
SECRET_BYTES = range(24, 65)
# The form of each option, for error messages and docs/reference/notifications.md.
FORMS = {
    "url": "an http(s) URL without user, password and fragment",
    "secret": f"{SECRET_PREFIX} and the base64 of 24 to 64 random bytes; while it is replaced, two separated by a comma",
    "events": f"names separated by commas: {', '.join(NotificationType)}",
    "users": "names separated by commas",
    "allow_private": "true or false",
}


def check_url(url: str) -> str:
    """Refuse a URL that no request can be sent to; raise ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc or parts.fragment:
        raise ValueError("not a URL of a receiver")
    if not url.isascii() or not url.isprintable() or " " in url or parts.port == 0:
        raise ValueError("not a URL of a receiver")
    return url


def check_secrets(words: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse secrets that are not those of Standard Webhooks."""
    for word in words:
        try:
            key = b64decode(word.removeprefix(SECRET_PREFIX), validate=True)
        except binascii.Error:
            raise ValueError("not base64") from None
        if not word.startswith(SECRET_PREFIX) or len(key) not in SECRET_BYTES:
            raise ValueError("not a secret of Standard Webhooks")
    return words


class Webhook(BaseModel):
    """A subscriber: where notifications are sent, and which.

    - `secrets`: each signs every notification, so that a receiver may still know only the old one.
    - `users`: the users whose jobs it is notified of; all, if empty.
    - `allow_private`: whether the URL may lead to an address that is not public.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    url: Annotated[str, AfterValidator(check_url)] = Field(repr=False)
    secrets: Annotated[Words, AfterValidator(check_secrets)] = Field(alias="secret", min_length=1, repr=False)
    events: tuple[NotificationType, ...] = tuple(NotificationType)
    users: UserNames = ()
    allow_private: bool = False

    @field_validator("events", mode="before")
    @classmethod
    def split_events(cls, value: object) -> object:
        """Split `a, b`; an empty text means all."""
        return split_words(value) or tuple(NotificationType)


def read_webhooks(sections: Mapping[str, Mapping[str, str]], defaults: Collection[str]) -> tuple[Webhook, ...]:
    """Return the webhooks of an INI file, from its sections; raise ConfigurationError.

    `defaults` are the options that every section has: other programs may need some that no webhook knows.
    """
    return tuple(_read(section, options, defaults) for section, options in sections.items())


def _read(section: str, options: Mapping[str, str], defaults: Collection[str]) -> Webhook:
    name = section.removeprefix(WEBHOOK_PREFIX)
    if not NAME.fullmatch(name):
        raise ConfigurationError(f"[{section}]: the name of a webhook has 1 to 63 letters, digits and _ . -")
    if unknown := [option for option in options if option not in FORMS and option not in defaults]:
        raise ConfigurationError(f"[{section}] {unknown[0]}: unknown; the options are {', '.join(FORMS)}")
    try:
        known = {option: text for option, text in options.items() if option in FORMS}
        return Webhook.model_validate({**known, "name": name})
    except ValidationError as error:
        faults = [_fault(str(each["loc"][0]), each["type"]) for each in error.errors(include_input=False)]
    # Without pydantic's error, which quotes the secret.
    raise ConfigurationError("; ".join(f"[{section}] {fault}" for fault in dict.fromkeys(faults)))


def _fault(option: str, kind: str) -> str:
    return f"{option}: {'missing' if kind == 'missing' else 'its value is not valid'}; it is {FORMS[option]}"
