"""Every installed package is pinned with its hashes, so that installations match the tested versions."""

import json
import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
# Each lock file and its minimum number of packages.
LOCKED = {
    "requirements.txt": 50,
    "requirements-facility.txt": 50,
    "facility/ldap/requirements.txt": 3,
    "tools/pacifica_core/requirements.txt": 50,
    "tests/tus_clients/requirements.txt": 5,
    "tests/wsgi_servers/requirements.txt": 4,
}
PIN = re.compile(r"[A-Za-z0-9._-]+(\[[a-z0-9,_-]+\])?==\S+( ;.*?)?( --hash=sha256:[0-9a-f]{64})+")


def requirements(name: str) -> list[str]:
    """Return the requirements of a file, each with its continuation lines."""
    text = (PROJECT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = (re.sub(r"\s+", " ", line.split(" #")[0]).strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("name", LOCKED)
def test_every_package_is_pinned_with_its_hashes(name: str):
    found = requirements(name)
    assert len(found) >= LOCKED[name]
    assert [line for line in found if not PIN.fullmatch(line)] == []


@pytest.mark.parametrize(
    ("folder", "package"), [("tests/tus_clients", "tus-js-client"), ("tests/accounts/openid", "oidc-provider")]
)
def test_every_package_for_node_is_pinned_with_its_hash(folder: str, package: str):
    lock = json.loads((PROJECT / folder / "package-lock.json").read_text(encoding="utf-8"))
    found = {name: package for name, package in lock["packages"].items() if name}
    assert f"node_modules/{package}" in found
    assert [name for name, package in found.items() if not package.get("integrity", "").startswith("sha512-")] == []


def test_nothing_is_installed_without_its_hash():
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    installs = re.findall(r"pip install .*(?:requirements|-r) ?\S*", makefile)
    assert installs
    assert all("--require-hashes" in line for line in installs)
