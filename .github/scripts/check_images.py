"""Check the base images of the Dockerfile and of docker-compose.yaml; called by the workflow `advisories`.

Fails where an image is not pinned to an exact version, is not in its registry, or has another digest than the one that is
pinned. Prints the current digest of each image, so that it can be pinned.
"""

import re
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]
# Built from the Dockerfile, not pulled.
OWN_IMAGE = "pacifica-ingest-airflow"
REFERENCE = re.compile(r"^(?:FROM\s+|\s+image:\s*)([^\s#]+)", re.MULTILINE)
PINNED = re.compile(r"(?P<tag>[^:@]+:\d+\.\d+[^:@]*)(?:@(?P<digest>sha256:[0-9a-f]{64}))?")
QUERY_SECONDS = 120


def main() -> int:
    """Check every image; return the exit status."""
    faults = [fault for image in images() if (fault := check(image)) is not None]
    sys.stdout.writelines(f"::error::{fault}\n" for fault in faults)
    return 1 if faults else 0


def images() -> list[str]:
    """Return the references of all images that are pulled, in order and without duplicates."""
    files = (PROJECT / "Dockerfile", PROJECT / "docker-compose.yaml")
    found = [image for file in files for image in REFERENCE.findall(file.read_text(encoding="utf-8"))]
    return [image for image in dict.fromkeys(found) if image != OWN_IMAGE]


def check(image: str) -> str | None:
    """Return what is wrong with an image, or None; print its current digest."""
    pinned = PINNED.fullmatch(image)
    if pinned is None:
        return f"{image} is not pinned to an exact version: write name:major.minor"
    try:
        current = current_digest(pinned["tag"])
    except subprocess.CalledProcessError as error:
        return f"the registry did not return the digest of {pinned['tag']}: {error.stderr.strip()}"
    sys.stdout.write(f"{pinned['tag']}@{current}\n")
    if pinned["digest"] is None:
        sys.stdout.write(f"::warning::{image} is pinned by version, not by digest; the current digest is {current}\n")
    elif pinned["digest"] != current:
        return f"{pinned['tag']} has a new digest: replace {pinned['digest']} by {current}"
    return None


def current_digest(tag: str) -> str:
    """Return the digest that a registry has for a tag now."""
    command = ["docker", "buildx", "imagetools", "inspect", tag, "--format", "{{.Manifest.Digest}}"]
    found = subprocess.run(command, check=True, capture_output=True, text=True, timeout=QUERY_SECONDS)  # noqa: S603
    return found.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
