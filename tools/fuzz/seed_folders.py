"""Writes the first inputs of each fuzz target: `python -m tools.fuzz.seed_folders FOLDER`.

Started by the runner. It is a process of its own, because a target inherits the peak memory of its parent.
"""

import sys
from itertools import chain
from pathlib import Path

from tools.fuzz import corpus_seeds
from tools.fuzz.header_seeds import requests
from tools.fuzz.seeds import documents, tars, write_seeds

SEEDS = {
    "tar": (tars, corpus_seeds.bundles),
    "metadata": (documents, corpus_seeds.metadata),
    "headers": (requests,),
    "preflight": (documents, corpus_seeds.metadata),
}

if __name__ == "__main__":
    for target, sources in SEEDS.items():
        write_seeds(Path(sys.argv[1]) / target / "seeds", chain.from_iterable(source() for source in sources))
