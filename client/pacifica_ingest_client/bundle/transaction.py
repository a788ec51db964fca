"""The entries of the transaction: submitter, project, instrument, key-value pairs; from options, and from a file.

The file is a JSON list of entries as in `metadata.txt`, without files. Texts in it may contain placeholders: `${project}`,
`${instrument}`, `${submitter}`, and names of the uploader's own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from pacifica_ingest_client.bundle.documents import Entry
from pacifica_ingest_client.errors import MetadataUnusable, UsageError

TABLE = "destinationTable"
# The values that each transaction needs, in the order in which they are written.
VALUES = ("submitter", "project", "instrument")
# Their IDs are numbers; that of a project is a text.
NUMBERS = frozenset({"submitter", "instrument"})


@dataclass(frozen=True)
class Transaction:
    """The values of a transaction. `template` is a file of entries, `placeholders` are further values for it."""

    submitter: str = ""
    project: str = ""
    instrument: str = ""
    pairs: Sequence[tuple[str, str]] = ()
    template: Path | None = None
    placeholders: Mapping[str, str] = field(default_factory=dict)

    def entries(self) -> list[Entry]:
        """Return the entries; raises MetadataUnusable, UsageError."""
        given = {name: _typed(name, getattr(self, name)) for name in VALUES if getattr(self, name)}
        entries = [] if self.template is None else self._from_template(self.template, {**self.placeholders, **given})
        entries += [_value(name, value) for name, value in given.items() if not _holds(entries, name, value)]
        entries += [{TABLE: "TransactionKeyValue", "key": key, "value": value} for key, value in self.pairs]
        missing = [name for name in VALUES if not any(entry[TABLE] == _table(name) for entry in entries)]
        if missing:
            options = ", ".join(f"--{name}" for name in missing)
            raise UsageError(f"the metadata has no {', no '.join(missing)}; set {options}, or name it in --metadata")
        return entries

    @staticmethod
    def _from_template(path: Path, values: Mapping[str, object]) -> list[Entry]:
        try:
            document = json.loads(path.read_text(encoding="utf-8-sig"))
        except (OSError, ValueError) as error:
            raise MetadataUnusable(f"{path} cannot be read as JSON: {error}") from error
        if not isinstance(document, list) or not all(_is_entry(entry) for entry in document):
            raise MetadataUnusable(f'{path} must be a list of objects, each with a "{TABLE}" other than Files')
        return [{key: _filled(value, values, path) for key, value in entry.items()} for entry in document]


def _is_entry(entry: object) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get(TABLE), str) and entry[TABLE] != "Files"


def _filled(value: object, values: Mapping[str, object], path: Path) -> object:
    """Replace the placeholders in a value; a value that is only a placeholder keeps the type of the replacement."""
    if not isinstance(value, str):
        return value
    try:
        filled = Template(value).substitute(values)
    except KeyError as error:
        raise UsageError(f"{path} has the placeholder {error.args[0]}; set it with an option, or with --set") from error
    except ValueError as error:
        raise MetadataUnusable(
            f"{path}: a placeholder in {value!r} is malformed; write $$ for a dollar sign"
        ) from error
    return next((each for name, each in values.items() if value in (f"${name}", f"${{{name}}}")), filled)


def _typed(name: str, value: str) -> int | str:
    return int(value) if name in NUMBERS and value.isdecimal() else value


def _table(name: str) -> str:
    return f"Transactions.{name}"


def _value(name: str, value: object) -> Entry:
    return {TABLE: _table(name), "value": value}


def _holds(entries: list[Entry], name: str, value: object) -> bool:
    """Return whether the entries from the file have a value already; raises UsageError if it is another one."""
    found = [entry.get("value") for entry in entries if entry[TABLE] == _table(name)]
    if found and str(found[0]) != str(value):
        raise UsageError(f"--{name} is {value}, but the file with the metadata says {found[0]}; remove one of them")
    return bool(found)
