"""Run notebooks from the top and store their outputs, each widget as its picture.

usage: python notebooks/execute.py [NOTEBOOK ...]     (none: all of them)
"""

import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
WIDGET = "application/vnd.jupyter.widget-view+json"


def without_widgets(outputs: list) -> list:
    """Keep of a widget only its picture, and nothing of one without: its model is not stored with it."""
    kept = []
    for output in outputs:
        data = output.get("data", {})
        if WIDGET in data:
            del data[WIDGET]
            if "image/png" not in data:
                continue
        kept.append(output)
    return kept


def describe(cell) -> None:
    """Give a cell's pictures the alternative text of its metadata, which MyST-NB reads there and nbconvert here."""
    text = cell.metadata.get("mystnb", {}).get("image", {}).get("alt")
    for output in cell.outputs:
        if text and "image/png" in output.get("data", {}):
            output.metadata["image/png"] = {"alt": text}


def execute(path: Path) -> None:
    """Run one notebook in place."""
    notebook = nbformat.read(path, as_version=4)
    began = time.perf_counter()
    client = NotebookClient(
        notebook, timeout=600, kernel_name="python3", store_widget_state=False, resources={"metadata": {"path": HERE}}
    )
    client.execute()
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        if cell.cell_type == "code":
            cell.metadata.pop("execution", None)
            cell.outputs = without_widgets(cell.outputs)
            describe(cell)
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    nbformat.write(notebook, path)
    print(f"{path.name}: {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    for chosen in [Path(name) for name in sys.argv[1:]] or sorted(HERE.glob("*.ipynb")):
        execute(chosen)
