"""What the explorers with a map share: positions, the instance, thumbnails, errors, the picture for saved notebooks."""

import asyncio
import base64
import io
import threading

import numpy as np
import pytest
from map_data import CODES, IMAGES, LABELS, POINTS, RNG, N, fail, floats, ints, make, shades, until
from PIL import Image

from toolkit import ProximityGraph
from toolkit.explorers import ProximityGraphExplorer, WalkPlayer
from toolkit.plots import projection
from toolkit.proximity import PartialGraph

CLASSES = [ProximityGraphExplorer, WalkPlayer]


@pytest.mark.parametrize("explorer_class", CLASSES)
def test_map_and_labels_are_sent_as_bytes(explorer_class):
    canvas = make(explorer_class).canvas
    np.testing.assert_array_equal(floats(canvas.points).reshape(N, 2), projection.pca(POINTS))
    assert canvas.names == sorted(set(LABELS))
    assert [canvas.names[code] for code in ints(canvas.groups)] == LABELS.tolist()
    assert len(set(zip(shades(canvas), LABELS, strict=True))) == len(set(shades(canvas))) == 5
    assert canvas.legend["named"]


def test_own_positions_are_shown_as_they_are():
    positions = RNG.normal(size=(N, 2)).astype(np.float32)
    explorer = make(ProximityGraphExplorer, projection=positions)
    np.testing.assert_array_equal(floats(explorer.canvas.points).reshape(N, 2), positions)
    assert explorer.positions.control.options == ("own",)


@pytest.mark.parametrize("explorer_class", CLASSES)
def test_instance_is_linked_with_the_map_and_stays_in_range(explorer_class):
    explorer = make(explorer_class)
    explorer.instance.value = 7
    assert explorer.canvas.selected == 7
    explorer.canvas.selected = 12
    assert explorer.instance.value == 12
    explorer.canvas.selected = N + 5
    assert explorer.instance.value == explorer.canvas.selected == N - 1
    shown = explorer.canvas.detail["index"] if explorer_class is ProximityGraphExplorer else explorer.trace.start
    assert shown == N - 1


@pytest.mark.parametrize("items", [IMAGES, lambda index, ax: ax.plot([0, index])])
def test_browser_gets_the_thumbnails_it_asks_for(items):
    explorer, sent = make(ProximityGraphExplorer, items=items), []
    explorer.canvas.send = sent.append
    explorer.canvas._handle_custom_msg({"want": [3, 5]}, [])
    (message,) = sent
    assert set(message["thumbnails"]) == {3, 5}
    assert base64.b64decode(message["thumbnails"][5].partition(",")[2]) == explorer.thumbnails.png(5)


@pytest.mark.parametrize("explorer_class", CLASSES)
def test_mimebundle_carries_a_picture_of_the_state(explorer_class):
    explorer = make(explorer_class)
    bundle_ = explorer._repr_mimebundle_()
    png = base64.b64decode(bundle_["image/png"])
    assert Image.open(io.BytesIO(png)).size == (900, 640)
    assert len(bundle_["image/png"]) < 300_000
    assert bundle_["text/plain"] == repr(explorer) == f"{explorer_class.__name__}(n=300, labels=True)"
    assert "application/vnd.jupyter.widget-view+json" in bundle_
    assert explorer.png() == png
    explorer.instance.value = 50
    assert explorer.png() != png


@pytest.mark.parametrize("explorer_class", CLASSES)
def test_error_is_shown_and_the_last_good_picture_stays(explorer_class, monkeypatch):
    explorer = make(explorer_class)
    trait = "walk" if explorer_class is WalkPlayer else "detail"
    before, numbers = getattr(explorer.canvas, trait), explorer.numbers.value
    with monkeypatch.context() as patch:
        patch.setattr(ProximityGraph, "build", fail)
        patch.setattr(PartialGraph, "link", fail)
        with pytest.raises(RuntimeError, match="the graph <burst>"):
            explorer.n_candidates.value = 100
    assert "<b>RuntimeError</b>: the graph &lt;burst&gt;" in explorer.message.value
    assert getattr(explorer.canvas, trait) == before
    assert explorer.numbers.value == numbers
    explorer.instance.value = 9
    assert explorer.message.value == "", "the next change works again"
    assert explorer.graph.n_candidates == 100, "and catches up"


@pytest.mark.parametrize("explorer_class", CLASSES)
def test_reset_restores_settings(explorer_class):
    explorer = make(explorer_class)
    settings, trait = explorer.controls.settings, "walk" if explorer_class is WalkPlayer else "detail"
    before = getattr(explorer.canvas, trait)
    explorer.n_neighbors.value, explorer.restart.value, explorer.batch_size.value = 20, 0.9, 32
    assert explorer.controls.settings != settings
    explorer.reset.click()
    assert explorer.controls.settings == settings
    assert getattr(explorer.canvas, trait) == before


def test_controls_have_names_and_tooltips():
    explorer = make(ProximityGraphExplorer)
    for control in (explorer.n_neighbors, explorer.n_candidates, explorer.instance, explorer.color_by, explorer.reset):
        assert control.description
        assert len(control.tooltip) > 10


def test_closing_one_leaves_another_alive():
    first, second = make(ProximityGraphExplorer), make(ProximityGraphExplorer)
    first.close()
    assert all(control.layout.comm is not None for control in (second.instance, second.color_by, second.n_neighbors))


@pytest.mark.parametrize(
    ("arguments", "exception", "message"),
    [
        ({"embeddings": POINTS[:31]}, ValueError, "number of embeddings must be at least 32, got 31"),
        ({"labels": CODES[1:]}, ValueError, r"labels must have shape \(300,\)"),
        ({"items": IMAGES[1:]}, ValueError, r"items must hold one per instance \(300\), got 299"),
        ({"projection": "tsne"}, ValueError, "projection must be one of 'umap', 'pca', got 'tsne'"),
        ({"projection": np.zeros((5, 2))}, ValueError, r"projection must have shape \(300, 2\)"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
    ],
)
def test_bad_input_is_named(arguments, exception, message):
    with pytest.raises(exception, match=message):
        ProximityGraphExplorer(**{"embeddings": POINTS, "projection": "pca", **arguments})


# UMAP in the background


class SlowMap:
    """Stands in for the process that computes UMAP: waits until it is let go."""

    def __init__(self, monkeypatch, tmp_path):
        monkeypatch.setenv("TOOLKIT_CACHE", str(tmp_path))
        self.go, self.positions = threading.Event(), RNG.normal(size=(N, 2)).astype(np.float32)
        self.error = None

        def compute(task, unit, settings):
            task._progress("layout", 0.5)
            while not self.go.wait(0.01):
                if task.cancelled():
                    return None
            if self.error:
                raise self.error
            return self.positions

        monkeypatch.setattr(projection.UMAPTask, "_compute", compute)


@pytest.fixture
def slow_map(monkeypatch, tmp_path):
    return SlowMap(monkeypatch, tmp_path)


def test_pca_is_shown_until_umap_is_there(slow_map):
    async def kernel():
        explorer = make(ProximityGraphExplorer, projection="umap")
        np.testing.assert_array_equal(floats(explorer.canvas.points).reshape(N, 2), projection.pca(POINTS))
        await until(lambda: explorer.canvas.status == "PCA; UMAP: layout 50%")
        slow_map.go.set()
        await until(lambda: explorer.canvas.status == "")
        np.testing.assert_array_equal(floats(explorer.canvas.points).reshape(N, 2), slow_map.positions)
        explorer.positions.control.value = "PCA"
        np.testing.assert_array_equal(floats(explorer.canvas.points).reshape(N, 2), projection.pca(POINTS))
        again = make(ProximityGraphExplorer, projection="umap")
        np.testing.assert_array_equal(floats(again.canvas.points).reshape(N, 2), slow_map.positions)
        explorer.close()

    asyncio.run(kernel())


def test_umap_that_fails_says_so_and_pca_stays(slow_map):
    async def kernel():
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: raised.append(context["exception"]))
        explorer = make(ProximityGraphExplorer, projection="umap")
        slow_map.error = RuntimeError("no memory")
        slow_map.go.set()
        await until(lambda: raised)
        assert explorer.canvas.status == "PCA; UMAP failed"
        assert "no memory" in explorer.message.value
        np.testing.assert_array_equal(floats(explorer.canvas.points).reshape(N, 2), projection.pca(POINTS))

    raised = []
    asyncio.run(kernel())
    assert [str(error) for error in raised] == ["no memory"]


def test_closing_stops_the_map(slow_map):
    before = set(threading.enumerate())
    explorer = make(ProximityGraphExplorer, projection="umap")
    assert any(thread.name == "umap" for thread in threading.enumerate())
    explorer.close()
    assert set(threading.enumerate()) == before


def test_waiting_shows_the_map(slow_map):
    explorer = make(ProximityGraphExplorer, projection="umap")
    threading.Timer(0.1, slow_map.go.set).start()
    explorer.positions.wait()
    np.testing.assert_array_equal(explorer.positions.shown, slow_map.positions)
    assert explorer.canvas.status == ""
