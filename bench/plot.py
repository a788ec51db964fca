"""Draw the curves of `results.json` for `docs/explanation/performance.md`, as PNG and SVG.

    build/bench/venv/bin/python -m bench.plot RESULTS FOLDER

Run by `__main__` in the benchmark's own environment, which has matplotlib.
"""

import sys
from pathlib import Path

import matplotlib

from bench.measurements import MACHINE_LIMIT, ORIGINAL_SERVICE, THIS_SERVICE, Line
from bench.results import read
from bench.table import plot_name

LABELS = {THIS_SERVICE: "this service", ORIGINAL_SERVICE: "the original service", MACHINE_LIMIT: "limit: synced copies"}
FORMATS = ("png", "svg")


def main(results_file: str, folder: str) -> None:
    """Draw every curve."""
    matplotlib.use("Agg")
    # With a fixed salt, the same figures result in the same file.
    matplotlib.rcParams["svg.hashsalt"] = "pacifica-ingest"
    results = read(Path(results_file))
    for curve in results.curves():
        draw(curve, [line for row in results.rows for line in row.lines if line.curve == curve], Path(folder))


def draw(curve: str, lines: list[Line], folder: Path) -> None:
    """Draw one curve: a point with its range for each line."""
    from matplotlib import pyplot  # noqa: PLC0415 - imported after main() has chosen a backend that needs no display

    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    for name, label in LABELS.items():
        points = [(line.at, line.median(name), line.samples[name]) for line in lines if line.samples.get(name)]
        if points:
            positions, medians, samples = zip(*points, strict=True)
            ranges = [
                [median - min(figures) for median, figures in zip(medians, samples, strict=True)],
                [max(figures) - median for median, figures in zip(medians, samples, strict=True)],
            ]
            axes.errorbar(positions, medians, yerr=ranges, marker="o", capsize=3, label=label)
    axes.set(xscale="log", yscale="log", xlabel="files of a job", ylabel=f"{curve}, {lines[0].unit}")
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend()
    for suffix in FORMATS:
        metadata = {"Date": None} if suffix == "svg" else {}
        figure.savefig(folder / f"{plot_name(curve)}.{suffix}", metadata=metadata, dpi=150)
    pyplot.close(figure)


if __name__ == "__main__":
    main(*sys.argv[1:])
