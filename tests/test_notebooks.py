"""What the stored notebooks owe to those who only read them."""

from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def test_outputs_are_stored_without_errors_and_widgets(notebook):
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1)), "run `make notebooks`"
    outputs = [output for cell in code for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert [output.ename for output in outputs if output.output_type == "error"] == []
    assert not any(WIDGET in output.get("data", {}) for output in outputs), "a widget needs its model"
    assert "widgets" not in notebook.metadata


def test_pictures_have_alternative_texts_and_checks_are_folded(notebook):
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                text = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
                assert len(text) > 20, f"cell {number}: metadata.mystnb.image.alt must describe the picture"
                assert output.metadata["image/png"] == {"alt": text}, f"cell {number}: run `make notebooks`"
        assert "NBVAL" not in cell.source, f'cell {number}: the tag "nbval-check-output" stays out of sight'
        if notebook.cells[number - 1].source.startswith("## Checks"):
            assert cell.metadata.jupyter.source_hidden, f"cell {number}: checks are folded"
