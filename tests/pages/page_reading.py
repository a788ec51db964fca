"""Reads pages in tests, as a browser does: text, links and form fields."""

from html.parser import HTMLParser


class PageReader(HTMLParser):
    """The texts and elements of a page; `elements` are tags with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        """The text of the page, in one line."""
        return " ".join(" ".join(self.texts).split())

    def attributes(self, tag: str, name: str) -> list[str]:
        """Return an attribute of all elements with a tag that have it."""
        return [value for found, attrs in self.elements if found == tag and (value := attrs.get(name)) is not None]
