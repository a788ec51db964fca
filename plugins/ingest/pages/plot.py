"""A small plot of the last hours, as an SVG that the template `plot.html` draws: one bar for each hour."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC

from ingest.ledger.overview import ReceivedHour
from ingest.pages.formats import format_bytes, format_count

HEIGHT, BAR_WIDTH, GAP = 48, 8, 2


@dataclass(frozen=True)
class Bar:
    """A bar, and the sentence that a reader sees who points at it."""

    x: int
    height: float
    title: str

    @property
    def y(self) -> float:
        """The upper end of the bar."""
        return HEIGHT - self.height


@dataclass(frozen=True)
class Plot:
    """A plot; `largest` is the text of the highest bar, `total` of all bars."""

    label: str
    bars: tuple[Bar, ...]
    largest: str
    total: str
    height: int = HEIGHT

    @property
    def width(self) -> int:
        """The width of the plot."""
        return len(self.bars) * (BAR_WIDTH + GAP) - GAP


def plot_hours(hours: Sequence[ReceivedHour]) -> tuple[Plot, ...]:
    """Return the plots of bytes and files."""
    times = [f"{hour.begin.astimezone(UTC):%H:%M UTC}" for hour in hours]
    return (
        _plot("Bytes", [hour.bytes for hour in hours], [format_bytes(hour.bytes) for hour in hours], times),
        _plot("Files", [hour.files for hour in hours], [format_count(hour.files) for hour in hours], times),
    )


def _plot(label: str, values: Sequence[int], texts: Sequence[str], times: Sequence[str]) -> Plot:
    largest, total = max(values), sum(values)
    bars = tuple(
        Bar(index * (BAR_WIDTH + GAP), _height(value, largest), f"from {begin}: {text}")
        for index, (value, text, begin) in enumerate(zip(values, texts, times, strict=True))
    )
    show = format_bytes if label == "Bytes" else format_count
    return Plot(label, bars, show(largest), show(total))


def _height(value: int, largest: int) -> float:
    """Return the height of a bar; one pixel at least, so that little differs from nothing."""
    return max(round(value / largest * HEIGHT, 1), 1.0) if value else 0.0
