"""A saved notebook shows each explorer as a picture, small enough, on a page that runs no JavaScript."""

import base64
import io
import re
import sys
from pathlib import Path

import nbformat
import pytest
from lab import python_path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "notebooks"))
LARGEST = 300_000
DATA = """import warnings
warnings.filterwarnings("ignore", category=FutureWarning, module="torch")  # torch_geometric's import of torch.jit

import numpy as np
from toolkit import explorers, plots
from toolkit.datasets import graphs, vision
from toolkit.training.history import History

rng = np.random.default_rng(0)
labels = rng.integers(0, 10, 500)
points = (rng.normal(size=(10, 32))[labels] + rng.normal(size=(500, 32))).astype("float32")
images = vision.bundled().train.pixels[:500]
history = History({name: rng.random(50).tolist() for name in History().columns})
texts = [f"sentence {i}" for i in range(500)]
molecules = graphs.bundled()
composition = [graph.x.mean(0).tolist() for graph in molecules.graphs]
draw = lambda index, ax: plots.molecule(molecules.graphs[index], ax=ax)"""
EXPLORERS = [
    'explorers.ProximityGraphExplorer(points, labels, images, projection="pca")',
    'explorers.WalkPlayer(points, labels, images, projection="pca")',
    "explorers.HardnessExplorer(points, labels, images)",
    "explorers.FalseNegativeExplorer(points, labels, images)",
    "explorers.PairExplorer(points, labels, texts, targets=points, target_items=texts)",
    "explorers.TunerExplorer(points, labels, texts)",
    "explorers.SentenceExplorer(points, labels, texts)",
    "explorers.GraphBatchExplorer(composition, molecules.labels, draw, batch_size=32)",
    "explorers.TrainingMonitor(history)",
    'explorers.Dashboard(points, labels, images, history=history, projection="pca")',
]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    from execute import execute

    cells = [nbformat.v4.new_code_cell(source) for source in (DATA, *EXPLORERS)]
    path = tmp_path_factory.mktemp("saved") / "explorers.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", python_path())
        execute(path)
    return nbformat.read(path, as_version=4)


def test_each_explorer_is_saved_as_a_picture_of_less_than_300_kb(saved):
    from PIL import Image

    assert "widgets" not in saved.metadata
    for source, cell in zip(EXPLORERS, saved.cells[1:], strict=True):
        (output,) = cell.outputs
        assert set(output.data) == {"text/plain", "image/png"}, source
        assert len(str(output)) < LARGEST, source
        image = Image.open(io.BytesIO(base64.b64decode(output.data["image/png"])))
        assert image.width >= 500
        assert len(image.convert("RGB").getcolors(2**24)) > 20, f"{source} is not blank"


def test_html_without_javascript_shows_them(saved):
    from nbconvert import HTMLExporter

    page, _ = HTMLExporter().from_notebook_node(saved)
    body = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    pictures = re.findall(r'<img[^>]*src="data:image/png;base64,', body)
    assert len(pictures) == len(EXPLORERS)
    assert "jupyter-widgets" not in body
    assert "Error displaying widget" not in body
