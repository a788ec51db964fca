"""Read the address to listen on from the CherryPy file of pacifica-ingest 0.4.1. Its other options are ignored.

Called by `api.command_line`.
"""

import ast
from collections.abc import Mapping
from configparser import ConfigParser
from configparser import Error as ConfigParserError
from dataclasses import dataclass
from pathlib import Path

from ingest.errors.types import ConfigurationError
from ingest.settings import ini_file

VARIABLE = "INGEST_CPCONFIG"
DEFAULT_NAME = "cpconfig.ini"
SECTION = "global"
HOST = "server.socket_host"
PORT = "server.socket_port"
LARGEST_PORT = 65535


@dataclass(frozen=True)
class Listening:
    """Address and port, where the file has them, and the names of the options that are ignored."""

    address: str | None = None
    port: int | None = None
    ignored: tuple[str, ...] = ()


def find_file(option: str | None, environment: Mapping[str, str]) -> Path | None:
    """Return the file that the option or the variable names, otherwise the one in the home folder, if it exists."""
    named = {VARIABLE: option} if option is not None else {}
    return ini_file.find_file({**environment, **named}, VARIABLE, DEFAULT_NAME)


def read_file(path: Path) -> Listening:
    """Read a CherryPy file; raises ConfigurationError when it cannot be read or has an invalid address or port."""
    parser = _Parser()
    try:
        with path.open(encoding="utf-8") as file:
            parser.read_file(file)
        address, port = (_literal(path, parser, name) for name in (HOST, PORT))
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error
    except (ConfigParserError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read {path}: it is not a CherryPy file") from error
    if not (address is None or (isinstance(address, str) and address)):
        raise ConfigurationError(f"{path}: {HOST} must be an address in quotes, such as '0.0.0.0'")
    if not (port is None or (type(port) is int and 0 <= port <= LARGEST_PORT)):
        raise ConfigurationError(f"{path}: {PORT} must be a number from 0 to {LARGEST_PORT}")
    return Listening(address, port, _others(parser))


class _Parser(ConfigParser):
    """Preserves the case of names, as CherryPy does."""

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def _literal(path: Path, parser: ConfigParser, name: str) -> object:
    if not parser.has_option(SECTION, name):
        return None
    try:
        value: object = ast.literal_eval(parser.get(SECTION, name))
    except (ValueError, SyntaxError) as error:
        raise ConfigurationError(f"{path}: {name} is not a Python literal") from error
    return value


def _others(parser: ConfigParser) -> tuple[str, ...]:
    return tuple(
        name
        for section in parser.sections()
        for name in parser.options(section)
        if (section, name) not in {(SECTION, HOST), (SECTION, PORT)}
    )
