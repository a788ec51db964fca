"""Turns values into HTML: the Jinja environment and its filters. Called by every page.

Everything that a template prints is escaped. Names come from strangers: `name` shows them harmless.
"""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from ingest.pages import formats
from ingest.pages.advice_text import show_advice


def render(template: str, **values: object) -> str:
    """Return the HTML of a template; a value that the template needs and lacks is an error."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("ingest.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        advice=show_advice,
        at_most=formats.format_limited_count,
        bytes=formats.format_bytes,
        count=formats.format_count,
        duration=formats.format_duration,
        name=formats.show_name,
        rate=formats.format_rate,
        sentence=formats.show_sentence,
        state=formats.name_state,
        time=formats.show_time,
    )
    return environment
