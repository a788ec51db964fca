"""The building blocks of settings: the description of a field, and the types of values.

Used by the other modules of `ingest.settings`; moves, the built-in archive and the launcher use `folder_of`.
"""

import os
import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote

from pydantic import BaseModel, BeforeValidator, Field
from pydantic_core import PydanticCustomError
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from ingest.settings.peewee_url import other_database

DATABASE_URL = r"postgres(ql)?(\+psycopg2)?://"
# The type of errors whose text is complete, so that `ingest.settings.loading` adds no form.
EXPLAINED = "explained"
# The units of the original service's parse_size.
UNITS = {
    **{"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12},
    **{"b": 1, "Kb": 1024, "Mb": 1024**2, "Gb": 1024**3, "Tb": 1024**4},
}


def option(
    default: Any,  # noqa: ANN401 - a default is of the field's own type, which mypy checks at the field
    section: str | None,
    name: str,
    *environment: str,
    description: str,
    form: str,
    **limits: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    """Describe a setting: its sources, its purpose, and the valid values in `form`."""
    source: dict[str, Any] = {"section": section, "option": name, "environment": list(environment), "form": form}
    return Field(default, description=description, json_schema_extra=source, **limits)


def split_folders(value: object) -> object:
    """Split `a:b` into folders, as in PATH; an empty text is an empty list.

    Refuses relative paths and the root folder.
    """
    if not isinstance(value, str):
        return value
    folders = [Path(part) for part in value.split(os.pathsep) if part]
    for folder in folders:
        if not folder.is_absolute() or ".." in folder.parts or folder == Path(folder.anchor):
            raise ValueError("not a valid folder")
    return folders


def folder_of(url: str) -> Path | None:
    """Return the folder in the archive's URL; None if the URL is that of a service."""
    return Path(unquote(url.removeprefix("file://"))) if url.startswith("file://") else None


def split_words(value: object) -> object:
    """Split `a, b` into words; an empty text is an empty list."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def read_size(value: object) -> object:
    """Parse `4 Mb` as the original service does; return anything else unchanged."""
    words = value.split() if isinstance(value, str) else []
    if len(words) != len(("number", "unit")) or words[1] not in UNITS:
        return value
    try:
        return int(float(words[0]) * UNITS[words[1]])
    except OverflowError:
        raise ValueError("not a size") from None


def check_database_url(value: str) -> str:
    """Refuse a URL that SQLAlchemy cannot parse, and one of another database than PostgreSQL."""
    if other := other_database(value):
        raise PydanticCustomError(
            EXPLAINED,
            "names a database of {other}, but jobs are stored in PostgreSQL: create a database there and set "
            "postgresql://user:password@host:port/database (see docs/how-to/upgrade.md)",
            {"other": other},
        )
    if not re.match(DATABASE_URL, value):
        raise ValueError("not a URL of PostgreSQL")
    try:
        make_url(value)
    except (ArgumentError, ValueError):
        raise ValueError("not a URL of a database") from None
    return value


def sources(model: type[BaseModel]) -> dict[str, dict[str, Any]]:
    """Return the section, option, environment variables and form of each field that is a single option."""
    fields = model.model_fields.items()
    return {name: dict(field.json_schema_extra) for name, field in fields if isinstance(field.json_schema_extra, dict)}


Folders = Annotated[tuple[Path, ...], BeforeValidator(split_folders)]
Words = Annotated[tuple[str, ...], BeforeValidator(split_words)]
Size = Annotated[int, BeforeValidator(read_size)]
