"""The INI file: where it lies, what it says, and warnings of what it says in vain.

Called by `ingest.settings.loading`, and by the API to find the original's other file. What the original reads is read as the
original reads it, `%%` included.
"""

import logging
from collections.abc import Collection, Mapping
from configparser import BasicInterpolation, ConfigParser, InterpolationError, MissingSectionHeaderError
from configparser import Error as ConfigParserError
from functools import cache
from pathlib import Path
from typing import Any

from ingest.errors.types import ConfigurationError

logger = logging.getLogger(__name__)

CONFIG_FILE_VARIABLE = "INGEST_CONFIG"
HOME_FOLDER = ".pacifica-ingest"
DEFAULT_NAME = "config.ini"
# A section that the original does not have: its values are taken as they are written.
OWN_SECTION = "airflow"
CELERY = "celery"

Option = tuple[str, str]


class OriginalInterpolation(BasicInterpolation):
    """Reads `%%` as `%`, as the original does; a value that the original would refuse is taken as it is written."""

    def before_get(self, parser: Any, section: str, option: str, value: str, defaults: Mapping[str, str]) -> str:  # noqa: ANN401
        """Give the value that is meant; called by ConfigParser."""
        if section == OWN_SECTION:
            return value
        try:
            return str(super().before_get(parser, section, option, value, defaults))
        except InterpolationError:
            return value


def find_file(
    environment: Mapping[str, str], variable: str = CONFIG_FILE_VARIABLE, default_name: str = DEFAULT_NAME
) -> Path | None:
    """Give the file that the variable names; where it is not set at all, the one in the home folder, if it is there."""
    if variable in environment:
        return Path(environment[variable]) if environment[variable] else None
    default = Path(environment.get("HOME", ""), HOME_FOLDER, default_name)
    try:
        return default if "HOME" in environment and default.is_file() else None
    except OSError:  # a home folder that this account may not look into
        return None


def as_in_the_file(text: str) -> str:
    """Read `%%` as `%` in a variable: the original puts its variables into what it reads the file with."""
    return OriginalInterpolation().before_get(ConfigParser(), "", "", text, {})


def read_options(path: Path, known: Collection[Option]) -> dict[Option, str]:
    """Read the options that are known, by section and name; warn of all others.

    Raises ConfigurationError when the file cannot be read, without what the parser says: it quotes lines of the file, and
    passwords with them.
    """
    parser = ConfigParser(interpolation=OriginalInterpolation())
    try:
        with path.open(encoding="utf-8") as file:
            parser.read_file(file)
    except OSError as error:
        raise ConfigurationError(f"{CONFIG_FILE_VARIABLE}: cannot read {path}: {error.strerror}") from error
    except (ConfigParserError, UnicodeDecodeError) as error:
        line = f" (see line {error.lineno})" if isinstance(error, MissingSectionHeaderError) else ""
        raise ConfigurationError(f"{CONFIG_FILE_VARIABLE}: cannot read {path}: it is no INI file{line}") from None
    found = {(section, name): value for section in parser.sections() for name, value in parser.items(section)}
    _warn_of_unused(path, parser, known)
    return {option: value for option, value in found.items() if option in known}


@cache
def warn_once(text: str) -> None:
    """Log a warning, the first time that this process has it: settings are read more than once."""
    logger.warning(text)


def _warn_of_unused(path: Path, parser: ConfigParser, known: Collection[Option]) -> None:
    if parser.has_section(CELERY):
        warn_once(f"{path}: [{CELERY}] is not used: Airflow takes the place of Celery; the section can be removed")
    sections = {section for section, _ in known}
    unused = [f"[{section}]" for section in parser.sections() if section not in {*sections, CELERY}]
    for section in filter(sections.__contains__, parser.sections()):
        names = [name for name in parser.options(section) if name not in parser.defaults()]
        unused += [f"[{section}] {name}" for name in names if (section, name) not in known]
    if unused:
        warn_once(f"{path}: not known here, and not used: {', '.join(unused)}")
