"""Write the README's pictures from the quickstart's stored outputs and the retrieval benchmark's results.

usage: python docs/figures.py
"""

import base64
from pathlib import Path

import nbformat

from toolkit import plots
from toolkit.training import Comparison

HERE = Path(__file__).resolve().parent
PICTURES = {"batches.png": "plots.batch_grid"}


def main() -> None:
    """Write the picture of each call named in `PICTURES`, and the curves of the dictionary."""
    runs = Comparison.read(HERE.parent / "benchmarks" / "results" / "retrieval.csv").to_frame()
    chosen = runs[(runs["set"] == "dictionary") & runs.sampler.isin(["uniform", "random_walk"])]
    ax = plots.learning_curves(Comparison(chosen))
    ax.set_ylabel("MRR@10, development queries")
    ax.figure.savefig(HERE / "retrieval.png", dpi=120)
    print(HERE / "retrieval.png")
    notebook = nbformat.read(HERE.parent / "notebooks" / "00_quickstart.ipynb", as_version=4)
    for name, call in PICTURES.items():
        cell = next(cell for cell in notebook.cells if cell.cell_type == "code" and call in cell.source)
        pictures = [output.data["image/png"] for output in cell.outputs if "image/png" in output.get("data", {})]
        (HERE / name).write_bytes(base64.b64decode(pictures[0]))
        print(HERE / name)


if __name__ == "__main__":
    main()
