"""The environments of the stock tus clients, made once in `build/`: tuspy from PyPI and tus-js-client from npm."""

import hashlib
import shutil
import subprocess
from pathlib import Path

from tools.pacifica_core.environment import BUILD, INSTALL_SECONDS, binaries_of, make_once

HERE = Path(__file__).parent
PACKAGE_FILES = ("package.json", "package-lock.json")
NODE_BUILD = BUILD / "tus-js-client"


def has_node() -> bool:
    """Return whether this machine can install and run programs for Node."""
    return all(map(shutil.which, ("node", "npm")))


def tuspy_python() -> Path:
    """Return the Python that has tuspy."""
    return binaries_of("tuspy", HERE / "requirements.txt") / "python"


def node_modules() -> Path:
    """Return the folder of packages that has tus-js-client."""
    contents = b"".join((HERE / name).read_bytes() for name in PACKAGE_FILES)
    make_once(NODE_BUILD, hashlib.sha256(contents).hexdigest(), _install)
    return NODE_BUILD / "node_modules"


def _install() -> None:
    for name in PACKAGE_FILES:
        shutil.copy(HERE / name, NODE_BUILD)
    # `ci` installs exactly what the lock file lists, and removes what another one installed before.
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    subprocess.run(command, cwd=NODE_BUILD, check=True, timeout=INSTALL_SECONDS)
