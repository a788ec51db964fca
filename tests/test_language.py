"""Words that this project does not use; CONTRIBUTING.md lists the replacements."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
# Names that are public stay: the setting `uploads_at_once`, the stored event `taken_over`, rows of the benchmark.
PATTERNS = {
    "fix, repair": r"mend(s|ed|ing)?",
    "simultaneously, immediately": r"(?<!tiny_)(?<!receiving_)(?<!uploads_)at[ _]once",
    "the caller, the client": r"whoever",
    "again": r"anew",
    "partial upload": r"what came of",
    "infer": r"lets?[ _]expect",
    "acquire, import": r"(?<!\")(take|takes|took|taken|taking)[ _]over(?!`)",
    "release": r"(let|lets)[ _]go",
    "unavailable": r"(is|are|was|were|be|been)[ _]away",
    "only X may": r"nobody may",
    "is preferred, because": r"is the (better|surer) one",
}
CHECKED = ("*.py", "*.md", "*.yaml", "*.yml", "*.toml", "*.mako", "Makefile", "Dockerfile", ".ci/run")
HERE = "tests/test_language.py"


@cache
def texts() -> dict[str, str]:
    """Return the text files of the repository that Git lists, by their names."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *CHECKED]
    listed = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    paths = {name: PROJECT / name for name in listed.splitlines() if name != HERE}
    return {name: path.read_text(encoding="utf-8") for name, path in paths.items() if path.exists()}


@pytest.mark.parametrize("instead", PATTERNS)
def test_no_text_uses_a_word_that_has_to_be_translated(instead: str) -> None:
    word = re.compile(rf"(?<![A-Za-z]){PATTERNS[instead]}(?![A-Za-z])", re.IGNORECASE)
    found = [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in texts().items()
        if word.search(text)
        for number, line in enumerate(text.splitlines(), start=1)
        if word.search(line)
    ]
    assert not found, f"write instead: {instead}\n" + "\n".join(found)
