"""The explorers with a map by their traits: what is sent to the browser is what the functions return."""

import asyncio
import base64
import gc
import io
import threading
import time
import weakref

import numpy as np
import pytest
from comm import get_comm_manager
from ipywidgets.widgets import widget as registry
from matplotlib import pyplot as plt
from PIL import Image

from toolkit import ProximityGraph, metrics
from toolkit.explorers import ProximityGraphExplorer, WalkPlayer
from toolkit.explorers import map_base as on_map_module
from toolkit.explorers import walk_player as walk_player_module
from toolkit.metrics import graph as structure
from toolkit.plots import projection as maps
from toolkit.proximity import theory, trace_walk, visit_frequencies, walk_batches

RNG = np.random.default_rng(0)
N = 300
CODES = np.arange(N) % 5
LABELS = np.array(["boot", "bag", "coat", "dress", "shirt"])[CODES]
POINTS = 1.5 * RNG.normal(size=(5, 12))[CODES] + RNG.normal(size=(N, 12))
IMAGES = RNG.integers(0, 256, (N, 8, 8), np.uint8)
SENTENCES = [f"sentence number {i} <b>" for i in range(N)]
CLASSES = [ProximityGraphExplorer, WalkPlayer]


def make(explorer_class, labels=LABELS, items=IMAGES, projection="pca", **options):
    return explorer_class(POINTS, labels, items, layout, **options)


def ints(data):
    return np.frombuffer(data, np.int32)


def floats(data):
    return np.frombuffer(data, np.float32)


def fail(*args, **kwargs):
    raise RuntimeError("the graph <burst>")


# Both


@pytest.mark.parametrize("explorer_class", CLASSES)
def test_map_and_labels_are_sent_as_bytes(explorer_class):
    canvas = make(explorer_class).canvas
    np.testing.assert_array_equal(floats(canvas.points).reshape(N, 2), maps.pca(POINTS))
    assert canvas.names == sorted(set(LABELS))
    assert [canvas.names[code] for code in ints(canvas.groups)] == LABELS.tolist()
    assert np.frombuffer(canvas.shade, np.uint8).tolist() == ints(canvas.groups).tolist()
    assert len(set(canvas.palette)) == 5
    assert canvas.legend["named"]


@pytest.mark.parametrize("explorer_class", CLASSES)
def test_own_places_are_shown_as_they_are(explorer_class):
    places = RNG.normal(size=(N, 2)).astype(np.float32)
    explorer = make(explorer_class, layout=places)
    np.testing.assert_array_equal(floats(explorer.canvas.points).reshape(N, 2), places)
    assert explorer.places.control.options == ("own",)


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


@pytest.mark.parametrize("explorer_class", CLASSES)
@pytest.mark.parametrize("items", [IMAGES, lambda index, ax: ax.plot([0, index])])
def test_browser_gets_the_thumbnails_it_asks_for(explorer_class, items):
    explorer, sent = make(explorer_class, items=items), []
    explorer.canvas.send = sent.append
    explorer.canvas._handle_custom_msg({"want": [3, 5]}, [])
    (message,) = sent
    assert set(message["thumbnails"]) == {3, 5}
    assert base64.b64decode(message["thumbnails"][5].partition(",")[2]) == explorer.thumbnails.png(5)


@pytest.mark.parametrize("explorer_class", CLASSES)
def test_sentences_are_sent_as_text(explorer_class):
    explorer = make(explorer_class, items=SENTENCES)
    if explorer_class is WalkPlayer:
        assert explorer.canvas.walk["texts"] == [SENTENCES[i] for i in explorer.trace.batch]
    else:
        first = ints(explorer.canvas.detail["neighbors"])[0]
        assert explorer.canvas.detail["texts"][0] == SENTENCES[first]
    assert explorer.canvas.item_kind == "text"
    assert explorer.png()


@pytest.mark.parametrize("explorer_class", CLASSES)
@pytest.mark.parametrize("labels", [LABELS, None], ids=["labels", "no labels"])
def test_mimebundle_carries_a_picture_of_the_state(explorer_class, labels):
    explorer = make(explorer_class, labels)
    bundle_ = explorer._repr_mimebundle_()
    png = base64.b64decode(bundle_["image/png"])
    assert Image.open(io.BytesIO(png)).size == (900, 640)
    assert len(bundle_["image/png"]) < 300_000
    assert bundle_["text/plain"] == repr(explorer) == f"{explorer_class.__name__}(n=300, labels={labels is not None})"
    assert "application/vnd.jupyter.widget-view+json" in bundle_
    assert explorer.png() == png
    explorer.instance.value = 50
    assert explorer.png() != png


@pytest.mark.parametrize("explorer_class", CLASSES)
def test_without_labels_it_says_so(explorer_class):
    explorer = make(explorer_class, labels=None)
    assert explorer.canvas.names == []
    if explorer_class is WalkPlayer:
        assert "no labels given" in explorer.numbers.value
        assert explorer.region.options == ("nearest tenth",)
    else:
        assert "no labels given" in explorer.canvas.detail["lines"]
        assert "label" not in explorer.color_by.options
        assert explorer.canvas.stats["prior"] is None


@pytest.mark.parametrize("explorer_class", CLASSES)
def test_error_is_shown_and_the_last_good_picture_stays(explorer_class, monkeypatch):
    explorer = make(explorer_class)
    trait = "walk" if explorer_class is WalkPlayer else "detail"
    before, numbers = getattr(explorer.canvas, trait), explorer.numbers.value
    with monkeypatch.context() as patch:
        patch.setattr(ProximityGraph, "build", fail)
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


@pytest.mark.parametrize("explorer_class", CLASSES)
def test_controls_have_names_and_tooltips(explorer_class):
    explorer = make(explorer_class)
    for name in ("n_neighbors", "n_candidates", "instance", "reset"):
        assert getattr(explorer, name).description
        assert len(getattr(explorer, name).tooltip) > 10


@pytest.mark.parametrize("explorer_class", CLASSES)
def test_opening_and_closing_fifty_times_leaves_nothing(explorer_class):
    def left():
        return set(registry._instances), set(get_comm_manager().comms), set(threading.enumerate()), plt.get_fignums()

    make(explorer_class).close()
    before, explorers = left(), []
    for _ in range(50):
        explorer = make(explorer_class)
        assert len(left()[0]) > len(before[0])
        explorers.append(weakref.ref(explorer))
        explorer.close()
    explorer = make(explorer_class)
    explorer._repr_mimebundle_()
    explorer.close()
    assert left() == before
    del explorer
    gc.collect()
    gc.collect()  # a widget's finaliser brings it back to life in the first
    assert sum(explorer() is not None for explorer in explorers) == 0


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
        ({"layout": "tsne"}, ValueError, "layout must be one of 'umap', 'pca', got 'tsne'"),
        ({"layout": np.zeros((5, 2))}, ValueError, r"layout must have shape \(300, 2\)"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
    ],
)
@pytest.mark.parametrize("explorer_class", CLASSES)
def test_bad_input_is_named(explorer_class, arguments, exception, message):
    with pytest.raises(exception, match=message):
        explorer_class(**{"embeddings": POINTS, "layout": "pca", **arguments})


# UMAP in the background


class SlowMap:
    """Stands in for the process that computes UMAP: waits until it is let go."""

    def __init__(self, monkeypatch, tmp_path):
        monkeypatch.setenv("TOOLKIT_CACHE", str(tmp_path))
        self.go, self.places = threading.Event(), RNG.normal(size=(N, 2)).astype(np.float32)
        self.error = None

        def run(task, unit, settings):
            task._on_progress("layout", 0.5)
            while not self.go.wait(0.01):
                if task._cancelled:
                    return None
            if self.error:
                raise self.error
            return self.places

        monkeypatch.setattr(maps.UMAPTask, "_run", run)


@pytest.fixture
def slow_map(monkeypatch, tmp_path):
    return SlowMap(monkeypatch, tmp_path)


async def until(condition):
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen in 5 seconds")


@pytest.mark.parametrize("explorer_class", CLASSES)
def test_pca_is_shown_until_umap_is_there(explorer_class, slow_map):
    async def kernel():
        explorer = make(explorer_class, layout="umap")
        np.testing.assert_array_equal(floats(explorer.canvas.points).reshape(N, 2), maps.pca(POINTS))
        await until(lambda: explorer.canvas.status == "PCA; UMAP: layout 50%")
        slow_map.go.set()
        await until(lambda: explorer.canvas.status == "")
        np.testing.assert_array_equal(floats(explorer.canvas.points).reshape(N, 2), slow_map.places)
        explorer.places.control.value = "PCA"
        np.testing.assert_array_equal(floats(explorer.canvas.points).reshape(N, 2), maps.pca(POINTS))
        again = make(explorer_class, layout="umap")
        np.testing.assert_array_equal(floats(again.canvas.points).reshape(N, 2), slow_map.places)
        explorer.close()

    asyncio.run(kernel())


def test_umap_that_fails_says_so_and_pca_stays(slow_map):
    async def kernel():
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: raised.append(context["exception"]))
        explorer = make(ProximityGraphExplorer, layout="umap")
        slow_map.error = RuntimeError("no memory")
        slow_map.go.set()
        await until(lambda: raised)
        assert explorer.canvas.status == "PCA; UMAP failed"
        assert "no memory" in explorer.message.value
        np.testing.assert_array_equal(floats(explorer.canvas.points).reshape(N, 2), maps.pca(POINTS))

    raised = []
    asyncio.run(kernel())
    assert [str(error) for error in raised] == ["no memory"]


@pytest.mark.parametrize("explorer_class", CLASSES)
def test_closing_stops_the_map(explorer_class, slow_map):
    before = set(threading.enumerate())
    explorer = make(explorer_class, layout="umap")
    assert any(thread.name == "umap" for thread in threading.enumerate())
    explorer.close()
    assert set(threading.enumerate()) == before


def test_waiting_shows_the_map(slow_map):
    explorer = make(ProximityGraphExplorer, layout="umap")
    threading.Timer(0.1, slow_map.go.set).start()
    explorer.places.wait()
    np.testing.assert_array_equal(explorer.places.shown, slow_map.places)
    assert explorer.canvas.status == ""


# The proximity graph


@pytest.fixture
def explorer():
    return make(ProximityGraphExplorer)


def test_neighbours_are_those_of_the_graph(explorer):
    explorer.n_neighbors.value, explorer.n_candidates.value, explorer.instance.value = 20, 100, 42
    graph, detail = ProximityGraph.build(POINTS, n_candidates=100, n_neighbors=20, seed=0), explorer.canvas.detail
    order = np.argsort(-graph.similarities[42], kind="stable")
    np.testing.assert_array_equal(ints(detail["neighbors"]), graph.neighbors[42][order])
    np.testing.assert_allclose(floats(detail["similarities"]), graph.similarities[42][order], atol=1e-6)
    assert set(ints(detail["candidates"]).tolist()) == set(structure.Candidates(N, n_candidates=100).of(42).tolist())
    same = LABELS[graph.neighbors[42][order]] == LABELS[42]
    assert np.frombuffer(detail["same"], np.uint8).tolist() == same.tolist()
    assert detail["same_rate"] == same.mean()
    assert f"same label: {same.sum()} of 20 neighbours" in detail["lines"]
    assert [sum(counts) for counts in detail["histograms"]] == [100, 20]


def test_statistics_are_those_of_the_functions(explorer):
    explorer.n_neighbors.value = 20
    graph, stats = explorer.graph, explorer.canvas.stats
    same = structure.same_label_edges(graph, LABELS)
    assert (stats["same_rate"], stats["prior"]) == (same.value, same.prior)
    assert sum(stats["counts"]) == N
    assert explorer.degrees.counts.tolist() == structure.in_degrees(graph).counts.tolist()
    assert f"same-label edges <b>{same.value:.1%}</b>, {same.over_chance:.1f} × chance" in explorer.numbers.value
    assert f"similarity of neighbours <b>{graph.similarities.mean():.3f}</b>" in explorer.numbers.value


def test_colours_follow_what_they_stand_for(explorer):
    def shades():
        return np.frombuffer(explorer.canvas.shade, np.uint8).astype(int)

    graph = explorer.graph
    starts = np.random.default_rng(0).permutation(N)[: N // 128]
    batches, _ = walk_batches(graph, starts, 128, restart=0.2, seed=0)
    values = {
        "hardness": graph.similarities.mean(1),
        "in-degree": graph.in_degrees(),
        "exposure": metrics.batch_coverage(batches, N).visits,
    }
    assert explorer.batch_size.value == 128
    for name, expected in values.items():
        explorer.color_by.value = name
        order = np.argsort(expected, kind="stable")
        assert (np.diff(shades()[order]) >= 0).all(), name
        assert len(set(shades().tolist())) > 1
        assert {"title", "low", "high"} <= set(explorer.canvas.legend)
    exposed = explorer.canvas.shade
    explorer.restart.value = 0.9
    assert explorer.canvas.shade != exposed, "exposure follows the restart probability"


def test_edges_lead_to_the_most_similar_neighbour(explorer, monkeypatch):
    assert explorer.canvas.edges == b""
    explorer.edges.value = True
    edges = ints(explorer.canvas.edges).reshape(-1, 2)
    assert edges[:, 0].tolist() == list(range(N))
    best = explorer.graph.neighbors[np.arange(N), explorer.graph.similarities.argmax(1)]
    np.testing.assert_array_equal(edges[:, 1], best)
    explorer.candidates.value = False
    assert not explorer.canvas.show_candidates


def test_choosing_an_instance_does_not_rebuild_the_graph(explorer, monkeypatch):
    monkeypatch.setattr(ProximityGraph, "build", fail)
    explorer.canvas.selected = 33
    assert explorer.canvas.detail["index"] == 33


# The walk


@pytest.fixture
def player():
    return make(WalkPlayer)


def test_walk_is_that_of_the_function(player):
    player.batch_size.value, player.restart.value, player.instance.value = 32, 0.5, 11
    trace, sent = trace_walk(player.graph, 11, 32, restart=0.5, seed=0), player.canvas.walk
    np.testing.assert_array_equal(ints(sent["nodes"]), trace.nodes)
    np.testing.assert_array_equal(ints(sent["batch"]), trace.batch)
    np.testing.assert_array_equal(np.frombuffer(sent["kinds"], np.uint8), trace.kinds)
    unit = POINTS / np.linalg.norm(POINTS, axis=1, keepdims=True)
    np.testing.assert_allclose(floats(sent["distances"]), 1 - unit[trace.nodes] @ unit[11], atol=1e-5)
    assert np.frombuffer(sent["same"], np.uint8).tolist() == (LABELS[trace.batch] == LABELS[11]).tolist()
    assert np.frombuffer(sent["outside"], np.uint8).tolist() == (LABELS[trace.nodes] != LABELS[11]).tolist()
    found = metrics.false_negative_rate([trace.batch], LABELS)
    assert f"false negatives <b>{found.value:.1%}</b>" in player.numbers.value
    assert f"hardness <b>{metrics.batch_hardness([trace.batch], POINTS).value:.3f}</b>" in player.numbers.value
    assert f"{trace.n_steps} steps: {trace.restarted.sum()} restarts" in player.numbers.value


def test_theory_is_that_of_the_functions(player):
    player.restart.value, player.instance.value = 0.5, 11
    members, sent = LABELS[11] == LABELS, player.canvas.theory
    expected = theory.escape(player.graph, members, restart=0.5)
    rank = theory.pagerank(player.graph, 11, restart=0.5)
    visits = visit_frequencies(player.graph, 11, restart=0.5, n_steps=walk_player_module.N_VISITS)
    rows = {name: share for name, share, _ in sent["rows"]}
    assert rows["long walk"] == pytest.approx(visits[~members].sum())
    assert rows["its PageRank"] == pytest.approx(expected.walk[11], abs=1e-4)
    assert rows["undirected, lazy"] == pytest.approx(expected.average, abs=1e-4)
    assert sent["bound"] == pytest.approx(expected.bound)
    np.testing.assert_allclose(np.sort(floats(sent["rank"])), np.sort(rank), atol=1e-5)
    assert len(floats(sent["visits"])) == N
    player.region.value = "nearest tenth"
    assert player.canvas.theory["rows"] != sent["rows"]


def test_without_restarts_there_is_no_bound(player):
    player.restart.value = 0
    assert player.canvas.theory["bound_text"] == "infinite"
    assert player.escape.bound == np.inf
    assert player.png()


def test_steps_from_code_and_browser(player):
    whole = player.png()
    assert player.step == player.trace.n_steps
    player.step = 5
    assert player.canvas.step == player.step == 5
    assert player.png() != whole
    player.step = 10**6
    assert player.step == player.trace.n_steps


def test_theory_runs_beside_the_kernel_and_only_the_newest_counts(monkeypatch):
    async def kernel():
        player = make(WalkPlayer)
        await until(lambda: player.canvas.theory)
        began.clear()
        for restart in (0.3, 0.4, 0.5, 0.6, 0.7):
            player.restart.value = restart
            assert player.canvas.walk["restart"] == restart
        await until(lambda: player.canvas.theory["restart"] == 0.7)
        player.restart.value = 0.1
        player.close()
        await asyncio.sleep(0.1)
        assert not any(thread.name == "explorer" for thread in threading.enumerate())

    began, escape = [], theory.escape

    def slow(*arguments):
        began.append(arguments[2])
        time.sleep(0.1)
        return escape(*arguments)

    monkeypatch.setattr(theory, "escape", slow)
    asyncio.run(kernel())
    assert 0.7 in began
    assert len(began) <= 4, "what is overtaken is not computed"


def test_error_of_the_theory_is_shown(player, monkeypatch):
    monkeypatch.setattr(theory, "pagerank", fail)
    with pytest.raises(RuntimeError):
        player.restart.value = 0.7
    assert "the graph &lt;burst&gt;" in player.message.value
    assert player.canvas.walk["restart"] == 0.7


def test_class_names_are_in_the_order_of_their_codes():
    assert on_map_module.class_names(LABELS) == sorted(set(LABELS))
    assert on_map_module.class_names([10, 9, 10]) == ["9", "10"]
