"""Draws the curves of `results.json` for `docs/explanation/performance.md`, as PNG and SVG.

    build/bench/venv/bin/python -m bench.plot RESULTS FOLDER

Run in the benchmark's own environment, which holds matplotlib, by `__main__`.
"""

import sys
from pathlib import Path

import matplotlib

from bench.measuring import LIMIT, ORIGINAL, OURS, Line
from bench.results import read
from bench.table import plot_name

LABELS = {OURS: "this service", ORIGINAL: "the original", LIMIT: "limit: copies that are synced"}
FORMATS = ("png", "svg")


def main(results: str, folder: str) -> None:
    """Draw every curve."""
    matplotlib.use("Agg")
    # The same figures make the same file.
    matplotlib.rcParams["svg.hashsalt"] = "pacifica-ingest"
    found = read(Path(results))
    for curve in found.curves():
        draw(curve, [line for row in found.rows for line in row.lines if line.curve == curve], Path(folder))


def draw(curve: str, lines: list[Line], folder: Path) -> None:
    """Draw one curve: a point for each line, with its spread."""
    from matplotlib import pyplot  # noqa: PLC0415 - only after a backend was chosen that needs no screen

    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    for name, label in LABELS.items():
        points = [(line.at, line.median(name), line.samples[name]) for line in lines if line.samples.get(name)]
        if points:
            places, medians, samples = zip(*points, strict=True)
            spread = [
                [median - min(all_of) for median, all_of in zip(medians, samples, strict=True)],
                [max(all_of) - median for median, all_of in zip(medians, samples, strict=True)],
            ]
            axes.errorbar(places, medians, yerr=spread, marker="o", capsize=3, label=label)
    axes.set(xscale="log", yscale="log", xlabel="files of a job", ylabel=f"{curve}, {lines[0].unit}")
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend()
    for suffix in FORMATS:
        metadata = {"Date": None} if suffix == "svg" else {}
        figure.savefig(folder / f"{plot_name(curve)}.{suffix}", metadata=metadata, dpi=150)
    pyplot.close(figure)


if __name__ == "__main__":
    main(*sys.argv[1:])
