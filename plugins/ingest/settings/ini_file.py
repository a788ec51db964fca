"""The INI file: finds it, reads its options, and warns of unused ones.

Called by `ingest.settings.loading`, and by the API to find the CherryPy file of the original service. Options of the
original service are read as it reads them, including `%%`.
"""

import logging
from collections.abc import Collection, Mapping
from configparser import BasicInterpolation, ConfigParser, InterpolationError, MissingSectionHeaderError
from configparser import Error as ConfigParserError
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from ingest.errors.types import ConfigurationError

logger = logging.getLogger(__name__)

CONFIG_FILE_VARIABLE = "INGEST_CONFIG"
HOME_FOLDER = ".pacifica-ingest"
DEFAULT_NAME = "config.ini"
# A section that the original service does not have: its values are literal.
OWN_SECTION = "airflow"
CELERY = "celery"
# Sections with any name after this prefix are known; `ingest.settings.webhooks` checks their options.
WEBHOOK_PREFIX = "webhook:"

Option = tuple[str, str]


class IniFile(NamedTuple):
    """The known options of a file by section and name, and the sections of webhooks, each with all of its options.

    `defaults` are the names in the section `[DEFAULT]`, whose options are in every section.
    """

    options: dict[Option, str]
    webhooks: dict[str, dict[str, str]]
    defaults: frozenset[str]


class OriginalInterpolation(BasicInterpolation):
    """Reads `%%` as `%`, as the original service does; a value that it would refuse is literal."""

    def before_get(self, parser: Any, section: str, option: str, value: str, defaults: Mapping[str, str]) -> str:  # noqa: ANN401
        """Return the interpolated value; called by ConfigParser."""
        if section == OWN_SECTION:
            return value
        try:
            return str(super().before_get(parser, section, option, value, defaults))
        except InterpolationError:
            return value


def find_file(
    environment: Mapping[str, str], variable: str = CONFIG_FILE_VARIABLE, default_name: str = DEFAULT_NAME
) -> Path | None:
    """Return the file that the variable names; if the variable is not set, the file in the home folder, if it exists."""
    if variable in environment:
        return Path(environment[variable]) if environment[variable] else None
    default = Path(environment.get("HOME", ""), HOME_FOLDER, default_name)
    try:
        return default if "HOME" in environment and default.is_file() else None
    except OSError:  # a home folder that this account may not read
        return None


def as_in_the_file(text: str) -> str:
    """Read `%%` as `%` in a variable, because the original service interpolates its variables in the same way."""
    return OriginalInterpolation().before_get(ConfigParser(), "", "", text, {})


def read_ini(path: Path, known: Collection[Option]) -> IniFile:
    """Read the file, and warn of unknown options.

    Raises ConfigurationError if the file cannot be read, without the parser's message, which quotes lines of the file that
    may contain passwords.
    """
    parser = ConfigParser(interpolation=OriginalInterpolation())
    try:
        with path.open(encoding="utf-8") as file:
            parser.read_file(file)
    except OSError as error:
        raise ConfigurationError(f"{CONFIG_FILE_VARIABLE}: cannot read {path}: {error.strerror}") from error
    except (ConfigParserError, UnicodeDecodeError) as error:
        line = f" (see line {error.lineno})" if isinstance(error, MissingSectionHeaderError) else ""
        raise ConfigurationError(f"{CONFIG_FILE_VARIABLE}: cannot read {path}: it is not an INI file{line}") from None
    _warn_of_unused(path, parser, known)
    found = {(section, name): value for section in parser.sections() for name, value in parser.items(section)}
    return IniFile(
        options={option: value for option, value in found.items() if option in known},
        webhooks={each: dict(parser.items(each)) for each in parser.sections() if each.startswith(WEBHOOK_PREFIX)},
        defaults=frozenset(parser.defaults()),
    )


@cache
def warn_once(text: str) -> None:
    """Log a warning once per process, because settings are read more than once."""
    logger.warning(text)


def _warn_of_unused(path: Path, parser: ConfigParser, known: Collection[Option]) -> None:
    if parser.has_section(CELERY):
        warn_once(f"{path}: [{CELERY}] is not used: Airflow replaces Celery; remove the section")
    sections = {section for section, _ in known}
    unused = [
        f"[{section}]"
        for section in parser.sections()
        if section not in {*sections, CELERY} and not section.startswith(WEBHOOK_PREFIX)
    ]
    for section in filter(sections.__contains__, parser.sections()):
        names = [name for name in parser.options(section) if name not in parser.defaults()]
        unused += [f"[{section}] {name}" for name in names if (section, name) not in known]
    if unused:
        warn_once(f"{path}: unknown and not used: {', '.join(unused)}")
