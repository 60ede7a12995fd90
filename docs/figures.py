"""Write the README's picture from the stored outputs of the quickstart.

usage: python docs/figures.py
"""

import base64
from pathlib import Path

import nbformat

HERE = Path(__file__).resolve().parent
PICTURES = {"batches.png": "plots.batch_grid"}


def main() -> None:
    """Write the picture of each call named in `PICTURES`."""
    notebook = nbformat.read(HERE.parent / "notebooks" / "00_quickstart.ipynb", as_version=4)
    for name, call in PICTURES.items():
        cell = next(cell for cell in notebook.cells if cell.cell_type == "code" and call in cell.source)
        pictures = [output.data["image/png"] for output in cell.outputs if "image/png" in output.get("data", {})]
        (HERE / name).write_bytes(base64.b64decode(pictures[0]))
        print(HERE / name)


if __name__ == "__main__":
    main()
