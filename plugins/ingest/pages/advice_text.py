"""Texts of docs/reference/errors.md as HTML: a filter of the templates (`ingest.pages.rendering`)."""

import re

from markupsafe import Markup, escape

CODE = re.compile(r"`([^`]+)`")


def show_advice(text: str) -> Markup:
    """Return a text with what is quoted in backticks as code."""
    return Markup(CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped before
