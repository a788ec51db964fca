"""What the containers need of this machine: root, Debian's packages, and a CPython 3.12. Called by `__main__`."""

import os
import platform
import shutil
import subprocess
from pathlib import Path

INSTALL_SECONDS = 300
# The engine; slirp4netns connects the sandbox to the network; mmdebstrap makes the base of the images.
PACKAGES = ("docker.io", "iptables", "slirp4netns", "mmdebstrap")
PROGRAMS = ("dockerd", "iptables", "slirp4netns", "mmdebstrap", "unshare", "openssl")
PYTHON = "python3.12"


def install() -> str | None:
    """Install the missing packages; return why the containers cannot run here, or None."""
    if os.getuid() != 0:
        return "it needs root"
    if platform.freedesktop_os_release().get("VERSION_CODENAME") != "bookworm":
        return "its images are made of the packages of Debian bookworm, and this is another system"
    if find_python() is None:
        return f"there is no {PYTHON} for the image (PYTHON312 names one)"
    if not all(map(shutil.which, PROGRAMS)):
        _install_packages()
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    return f"not installed: {', '.join(missing)}" if missing else None


def find_python() -> Path | None:
    """Return the folder of a CPython 3.12 that can be copied into an image."""
    named = [os.environ.get("PYTHON312"), shutil.which(PYTHON)]
    installed = sorted(Path.home().glob(f".pyenv/versions/3.12.*/bin/{PYTHON}"))
    for program in [*named, *installed]:
        prefix = _prefix_of(program) if program else None
        # Debian's own Python is spread over /usr.
        if prefix is not None and prefix != Path("/usr"):
            return prefix
    return None


def _prefix_of(program: str | Path) -> Path | None:
    """Return the folder that an interpreter is installed in; None if it does not start, as a shim of pyenv."""
    code = "import sys; print(sys.base_prefix)"
    found = subprocess.run([program, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    return Path(found.stdout.strip()) if found.returncode == 0 else None


def _install_packages() -> None:
    apt = ["apt-get", "-o", f"DPkg::Lock::Timeout={INSTALL_SECONDS}", "-qq"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in ([*apt, "update"], [*apt, "install", "-y", "--no-install-recommends", *PACKAGES]):
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, timeout=2 * INSTALL_SECONDS, check=False)
