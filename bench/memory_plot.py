"""Draw the samples of `memory_over_time`: `build/bench/venv/bin/python -m bench.memory_plot SAMPLES SVG`.

Run by it in the benchmark's own environment, which has matplotlib.
"""

import csv
import sys
from collections import defaultdict
from pathlib import Path

import matplotlib


def main(samples: str, picture: str) -> None:
    """Draw a curve for each process that lived for most of the time: not for the parsers of the DAG files."""
    matplotlib.use("Agg")
    # With a fixed salt, the same samples result in the same file.
    matplotlib.rcParams["svg.hashsalt"] = "pacifica-ingest"
    from matplotlib import pyplot  # noqa: PLC0415 - imported after a backend was chosen that needs no display

    curves: dict[str, list[tuple[float, float]]] = defaultdict(list)
    with Path(samples).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            curves[row["process"]].append((float(row["minute"]), float(row["mebibytes"])))
    figure, axes = pyplot.subplots(figsize=(9, 5), layout="constrained")
    longest = max(map(len, curves.values()))
    for process, points in sorted(curves.items(), key=lambda curve: -curve[1][-1][1]):
        if len(points) < longest / 2:
            continue
        axes.plot(*zip(*points, strict=True), label=process, linewidth=1)
    axes.set(xlabel="minutes under load", ylabel="memory (PSS), MiB", ylim=(0, None))
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(picture, metadata={"Date": None})


if __name__ == "__main__":
    main(*sys.argv[1:])
