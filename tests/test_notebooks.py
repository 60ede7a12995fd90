"""What the stored notebooks owe to those who only read them."""

from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_pictures_have_alternative_texts_and_checks_are_folded(path):
    notebook = nbformat.read(path, as_version=4)
    assert "widgets" not in notebook.metadata
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        where = f"{path.name}, cell {number}"
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                text = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
                assert len(text) > 20, f"{where}: metadata.mystnb.image.alt must describe the picture"
                assert output.metadata["image/png"] == {"alt": text}, f"{where}: run `make notebooks`"
        assert "NBVAL" not in cell.source, f'{where}: the tag "nbval-check-output" stays out of sight'
        if notebook.cells[number - 1].source.startswith("## Checks"):
            assert cell.metadata.jupyter.source_hidden, f"{where}: checks are folded"
