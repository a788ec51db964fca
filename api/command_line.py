"""The options of the command `pacifica-ingest`, and the address to listen on. Used by `api.server`."""

import argparse
import os
import sys
from pathlib import Path

from api import cherrypy_file
from api.cherrypy_file import LARGEST_PORT, Listening
from ingest.settings.loading import CONFIG_FILE_VARIABLE

PROGRAM = "pacifica-ingest"
DEFAULT_PORT = 8066
DEFAULT_ADDRESS = "127.0.0.1"


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the options."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM, description="Run the HTTP API of Pacifica Ingest, which receives bundles and reports jobs."
    )
    parser.add_argument(
        "--cp-config",
        metavar="FILE",
        help="CherryPy file of pacifica-ingest 0.4.1; its host and port are used where -a or -p is missing "
        f"(default: ${cherrypy_file.VARIABLE})",
    )
    parser.add_argument(
        "-c", "--config", metavar="FILE", help=f"INI file of settings (default: ${CONFIG_FILE_VARIABLE})"
    )
    parser.add_argument("-p", "--port", type=_port, help=f"port to listen on (default: {DEFAULT_PORT})")
    parser.add_argument(
        "-a",
        "--address",
        help=f"address to listen on (default: {DEFAULT_ADDRESS}; 0.0.0.0 accepts other machines and requires a setting "
        "for INGEST_AUTHENTICATION)",
    )
    return parser


def listening_address(options: argparse.Namespace) -> tuple[str, int]:
    """Return address and port, from the options, the CherryPy file or the defaults; raises ConfigurationError."""
    configured = Listening()
    if options.cp_config is not None or options.address is None or options.port is None:
        configured = _from_cherrypy_file(cherrypy_file.find_file(options.cp_config, os.environ))
    address = options.address if options.address is not None else configured.address or DEFAULT_ADDRESS
    ports = (port for port in (options.port, configured.port, DEFAULT_PORT) if port is not None)
    return address, next(ports)


def _from_cherrypy_file(path: Path | None) -> Listening:
    if path is None:
        return Listening()
    configured = cherrypy_file.read_file(path)
    if configured.ignored:
        names = ", ".join(configured.ignored)
        sys.stderr.write(f"{PROGRAM}: {path}: ignored, because this service does not use CherryPy: {names}\n")
    return configured


def _port(text: str) -> int:
    # Python would listen on port 34463 for 99999.
    if not text.isdecimal() or int(text) > LARGEST_PORT:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to {LARGEST_PORT}")
    return int(text)
