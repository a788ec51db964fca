"""Static files: only files of the folder, each at an address of its own version; vendored ones are the published files."""

import hashlib
import re
import weakref
from importlib import resources

from ingest.pages.static_files import FOLDER, find_static_file, versioned_name

VENDORED = re.compile(r"^\| `([^`]+)` \| .* \| `([0-9a-f]{64})` \|$", re.MULTILINE)


def test_files_have_the_type_that_browsers_require():
    style, script = find_static_file("style.css"), find_static_file("live.js")
    assert style
    assert style.content_type == "text/css; charset=utf-8"
    assert script
    assert script.content_type == "text/javascript; charset=utf-8"


def test_nothing_else_is_served():
    for name in ("VENDORED.md", "../site.py", "..%2fsite.py", "", "/etc/passwd", "style.css\x00"):
        assert find_static_file(name) is None


def test_names_in_requests_are_not_kept():
    class Name(str):
        __slots__ = ("__weakref__",)

    name = Name("absent.js")
    reference = weakref.ref(name)
    assert find_static_file(name) is None
    del name
    assert reference() is None


def test_the_address_changes_with_the_file():
    content = (FOLDER / "style.css").read_bytes()
    assert versioned_name("style.css") == f"style.css?v={hashlib.sha256(content).hexdigest()[:12]}"


def test_vendored_files_are_the_published_ones():
    table = dict(VENDORED.findall((FOLDER / "VENDORED.md").read_text(encoding="utf-8")))
    minified = {path.name for path in FOLDER.iterdir() if path.name.endswith(".min.js")}
    assert table.keys() == minified
    for name, digest in table.items():
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == digest


def test_templates_hold_no_script_and_no_style_that_the_policy_forbids():
    for template in (resources.files("ingest.pages") / "templates").iterdir():
        text = template.read_text(encoding="utf-8")
        assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=|javascript:", text), template.name
        assert "| safe" not in text, template.name
