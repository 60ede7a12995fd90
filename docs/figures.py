"""Write the README's pictures from the quickstart's stored outputs and the retrieval benchmark's results.

usage: python -m docs.figures
"""

import base64
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat

from benchmarks.retrieval_tables import map_cells
from toolkit import plots
from toolkit.plots.style import styled
from toolkit.training import Comparison

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "benchmarks" / "results"
TASKS = {"dictionary": "Definition to word", "code": "Docstring to code"}
PANELS = {"dictionary": "Gain in %: targets of their own", "hypernyms": "Gain in %: shared targets"}
PICTURES = {"batches.png": "plots.batch_grid"}


def main() -> None:
    """Write the picture of each call named in `PICTURES`, the curves of the dictionary and the map."""
    draw_curves()
    draw_map()
    notebook = nbformat.read(HERE.parent / "notebooks" / "00_quickstart.ipynb", as_version=4)
    for name, call in PICTURES.items():
        cell = next(cell for cell in notebook.cells if cell.cell_type == "code" and call in cell.source)
        pictures = [output.data["image/png"] for output in cell.outputs if "image/png" in output.get("data", {})]
        (HERE / name).write_bytes(base64.b64decode(pictures[0]))
        print(HERE / name)


@styled
def draw_curves() -> None:
    """Draw MRR over the training steps on both sets."""
    runs = Comparison.read(RESULTS / "retrieval.csv").to_frame()
    runs = runs[runs.sampler.isin(["uniform", "random_walk"])]
    figure, axes = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
    for ax, (name, title) in zip(axes, TASKS.items(), strict=True):
        result = Comparison(runs[runs["set"] == name])
        plots.learning_curves(result, ax=ax)
        (share,) = result.steps_to_best().steps_ratio
        ax.set_title(f"{title}: uniform's best after {share:.0%} of its steps", fontsize=11)
        ax.set_ylabel("MRR@10, development queries")
        ax.set_xlim(0, 15_000)  # room for the names
        ax.set_xticks(range(0, 12_001, 3000))
    figure.savefig(HERE / "retrieval.png", dpi=120)
    print(HERE / "retrieval.png")


@styled
def draw_map() -> None:
    """Draw where the sampler gains and loses."""
    cells = map_cells(Comparison.read(RESULTS / "retrieval_map.csv"))
    cells["batches"] = cells.batches.str.replace(", ", ",\n")
    cells = cells.rename(columns={"B": "batch size", "batches": "neighbours of the walk"})
    widths = [cells[cells["set"] == name]["neighbours of the walk"].nunique() for name in PANELS]
    figure, axes = plt.subplots(1, 2, figsize=(3 + sum(widths), 3.6), width_ratios=widths, layout="constrained")
    for ax, (name, title) in zip(axes, PANELS.items(), strict=True):
        plots.gain_map(cells[cells["set"] == name], "batch size", "neighbours of the walk", ax, cells.percent.max())
        ax.set_title(title)
    figure.savefig(HERE / "retrieval_map.png", dpi=120)
    print(HERE / "retrieval_map.png")


if __name__ == "__main__":
    main()
