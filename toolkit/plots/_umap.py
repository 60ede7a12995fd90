"""The program that computes a UMAP map, in a process of its own.

UMAP compiles for 20 seconds, in which no other thread of its process gets on, and its parallel loops must not meet
others in one process. Run by `toolkit.plots.projection` as a file, so that torch isn't loaded: EMBEDDINGS.npy MAP.npy
SETTINGS, progress on standard output.
"""

import json
import sys
import warnings

import numpy as np


def report(stage: str, share: float = 0.0) -> None:
    """Tell the parent process how far it is."""
    print(json.dumps([stage, share]), flush=True)


class _Epochs:
    """A file for tqdm that reports the epochs it writes ("120/200")."""

    def write(self, text: str) -> None:
        done, slash, total = text.strip().partition("/")
        if slash and done.isdigit() and total.isdigit():
            report("layout", int(done) / int(total))

    def flush(self) -> None:
        pass


def main(source: str, target: str, settings: str) -> None:
    """Read unit vectors from `source`, write their map to `target`."""
    options = json.loads(settings)
    seed = options.pop("seed")
    report("loading UMAP")
    import faiss
    import umap

    unit = np.load(source)
    report("finding neighbours")
    squared, neighbors = faiss.knn(unit, unit, options["n_neighbors"])
    known = neighbors.astype(np.int64), np.sqrt(np.maximum(squared, 0)), None
    bar = {"disable": False, "file": _Epochs(), "bar_format": "{n_fmt}/{total_fmt}", "mininterval": 0.3, "desc": ""}
    report("compiling")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that no new points can be placed later
        model = umap.UMAP(**options, random_state=seed, precomputed_knn=known, tqdm_kwds=bar)
        np.save(target, model.fit_transform(unit).astype(np.float32))


if __name__ == "__main__":
    main(*sys.argv[1:])
