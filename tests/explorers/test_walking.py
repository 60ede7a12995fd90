"""A setting whose graph is not there yet: the first walks at once, all of them from the background."""

import asyncio
import threading

import numpy as np
import pytest
from map_data import CODES, LABELS, POINTS, SENTENCES, N, ints, until

from toolkit import ProximityGraph, metrics
from toolkit.explorers import (
    FalseNegativeExplorer,
    GraphBatchExplorer,
    HardnessExplorer,
    ProximityGraphExplorer,
    SentenceExplorer,
    WalkPlayer,
    false_negatives,
)
from toolkit.proximity import walk_batches
from toolkit.samplers import SideBySide, side_by_side

SIZES = {"n_candidates": 250, "n_neighbors": 30}
MAKERS = {
    "hardness": lambda some: HardnessExplorer(some, LABELS, batch_size=64, n_neighbors=30),
    "false negatives": lambda some: FalseNegativeExplorer(some, LABELS, batch_size=64, n_neighbors=30),
    "sentences": lambda some: SentenceExplorer(some, LABELS, SENTENCES, batch_size=64, n_neighbors=30),
}


@pytest.fixture
def some():
    return SideBySide(POINTS)


@pytest.fixture
def gate(monkeypatch):
    """Closed, it holds up whoever builds a graph."""
    monkeypatch.setattr(side_by_side, "_FEW", 2 * 64 * (250 + side_by_side._LINK))
    opened, build = threading.Event(), ProximityGraph.build
    opened.set()

    def slow(*arguments, **settings):
        assert opened.wait(60)
        return build(*arguments, **settings)

    monkeypatch.setattr(ProximityGraph, "build", slow)
    return opened


def expected(some, n=None):
    """Return the batches of the setting from a graph that is built whole."""
    graph = ProximityGraph.build(POINTS, **SIZES, seed=0)
    return walk_batches(graph, some.starts(64)[:n], 64, restart=0.2, seed=0)[0]


def run(session):
    asyncio.run(session())
    assert not any(thread.name == "explorer" for thread in threading.enumerate())


@pytest.mark.parametrize("name", MAKERS)
def test_the_first_batches_are_shown_until_the_graph_is_there(name, some, gate):
    whole = expected(some)

    async def session():
        explorer = MAKERS[name](some)
        assert "the first" not in explorer.numbers.value
        gate.clear()
        explorer.n_candidates.value = 250
        first = metrics.batch_hardness(whole[:2], POINTS)
        assert "the first" in explorer.numbers.value
        assert f"hardness <b>{first.value:.3f}</b>" in explorer.numbers.value
        gate.set()
        await until(lambda: "the first" not in explorer.numbers.value)
        assert f"hardness <b>{metrics.batch_hardness(whole, POINTS).value:.3f}</b>" in explorer.numbers.value
        explorer.close()

    run(session)


def test_who_asks_for_results_waits_for_all(some, gate):
    whole = expected(some)

    async def session():
        explorer = FalseNegativeExplorer(some, LABELS, batch_size=64, n_neighbors=30)
        gate.clear()
        explorer.n_candidates.value = 250
        partial = explorer._image.value
        gate.set()
        np.testing.assert_array_equal(explorer.batches, whole)
        assert explorer.png() != bytes(partial)
        np.testing.assert_array_equal(explorer.hardness.values, metrics.batch_hardness(whole, POINTS).values)
        explorer.close()

    run(session)


def test_only_the_newest_setting_is_shown(some, gate):
    async def session():
        explorer = HardnessExplorer(some, LABELS, batch_size=64, n_neighbors=30)
        gate.clear()
        for n_candidates in (250, 200, 150, 100):
            explorer.n_candidates.value = n_candidates
            assert "the first" in explorer.numbers.value
        gate.set()
        await until(lambda: "the first" not in explorer.numbers.value)
        assert some.has_graph(n_candidates=100, n_neighbors=30)
        assert not some.has_graph(n_candidates=150, n_neighbors=30), "what is overtaken is not built"
        gate.clear()
        explorer.n_candidates.value = 120
        explorer.n_candidates.value = 100
        shown = explorer.numbers.value
        assert "the first" not in shown, "what is there is shown whole"
        gate.set()
        await asyncio.sleep(0.3)
        assert explorer.numbers.value == shown, "what was overtaken is not shown"
        gate.clear()
        explorer.n_candidates.value = 130
        threading.Timer(0.2, gate.set).start()
        explorer.close()  # waits for what is going on

    run(session)


def test_the_graph_explorer_shows_an_instance_before_the_graph(some, gate):
    graph = ProximityGraph.build(POINTS, **SIZES, seed=0)

    async def session():
        explorer = ProximityGraphExplorer(some, LABELS, projection="pca", n_neighbors=30)
        gate.clear()
        explorer.n_candidates.value, explorer.instance.value = 250, 42
        detail = explorer.canvas.detail
        assert set(ints(detail["neighbors"]).tolist()) == set(graph.neighbors[42].tolist())
        assert (detail["in_degree"], explorer.canvas.stats) == (None, {})
        assert "building the graph" in explorer.numbers.value
        explorer.color_by.value = "hardness"
        gate.set()
        await until(lambda: explorer.canvas.stats)
        degrees = metrics.in_degrees(graph)
        assert explorer.canvas.detail["in_degree"] == degrees.values[42]
        assert explorer._shown_colors[1][0] is explorer.graph, "colours follow"
        np.testing.assert_array_equal(explorer.degrees.values, degrees.values)
        gate.clear()
        explorer.n_candidates.value = 200
        gate.set()
        assert len(explorer.degrees.values) == N, "waited for"
        assert explorer.canvas.stats
        explorer.close()

    run(session)


def test_a_single_walk_does_not_wait_for_the_graph(some, gate):
    async def session():
        player = WalkPlayer(some, LABELS, projection="pca", n_neighbors=30)
        batch = GraphBatchExplorer(
            some, LABELS, lambda index, ax: ax.plot([0, index], [0, 1]), n_neighbors=30, batch_size=64
        )
        await until(lambda: player.canvas.theory)
        gate.clear()
        player.n_candidates.value = batch.n_candidates.value = 250
        shown, start = player.trace, player.trace.start
        gate.set()
        whole = walk_batches(ProximityGraph.build(POINTS, **SIZES, seed=0), [start], 64, restart=0.2, seed=0)[0]
        np.testing.assert_array_equal(shown.batch, whole[0])
        np.testing.assert_array_equal(batch.batch, expected(some, 1)[0])
        await until(lambda: player.escape is not None)
        player.close()
        batch.close()

    run(session)


def test_the_frontier_of_another_batch_size_follows(some, monkeypatch):
    opened, measure = threading.Event(), false_negatives.hardness_frontier

    def slow(*arguments, **settings):
        assert opened.wait(60)
        return measure(*arguments, **settings)

    async def session():
        explorer = FalseNegativeExplorer(some, LABELS, batch_size=64)
        monkeypatch.setattr(false_negatives, "hardness_frontier", slow)
        assert explorer.suggested
        explorer.batch_size.value = 32
        walks = some.walks(32, **explorer.controls.sizes, restart=0.2)[0]
        assert f"hardness <b>{metrics.batch_hardness(walks, POINTS).value:.3f}</b>" in explorer.numbers.value
        assert "batches of 64; those of 32 follow" in explorer._sheet.name.get_text()
        assert (explorer.suggested, explorer.use.disabled) == ({}, True)
        explorer.batch_size.value = 64
        assert explorer.suggested, "what is there is shown whole"
        explorer.batch_size.value = 32
        opened.set()
        await until(lambda: explorer._sheet.batch_size == 32)
        assert explorer.suggested
        assert "follow" not in explorer._sheet.name.get_text() + explorer.numbers.value
        expected = measure(some, CODES, 32, graphs=[(299, 149)], restarts=[0.2], loss_gaps=False).references
        assert explorer.frontier.references.hardness.tolist() == expected.hardness.tolist()
        explorer.batch_size.value = 16
        assert explorer.frontier.references.hardness.tolist() != expected.hardness.tolist(), "waited for"
        assert explorer._sheet.batch_size == 16
        explorer.close()

    run(session)


def test_the_other_samplers_of_another_batch_size_follow(some, monkeypatch):
    opened, begun, plan = threading.Event(), threading.Event(), SideBySide.references

    def slow(self, batch_size):
        begun.set()
        assert opened.wait(60)
        return plan(self, batch_size)

    async def session():
        explorer = HardnessExplorer(some, LABELS, batch_size=64)
        monkeypatch.setattr(SideBySide, "references", slow)
        explorer.batch_size.value = 32
        walks = some.walks(32, **explorer.controls.sizes, restart=0.2)[0]
        assert f"hardness <b>{metrics.batch_hardness(walks, POINTS).value:.3f}</b>" in explorer.numbers.value
        assert "the other samplers' batches are of 64; those of 32 follow" in explorer.numbers.value
        explorer.batch_size.value = 64
        assert "follow" not in explorer.numbers.value, "what is there is shown at once"
        explorer.batch_size.value = 32
        opened.set()
        await until(lambda: "follow" not in explorer.numbers.value)
        monkeypatch.undo()
        expected = {
            name: metrics.batch_hardness(some.references(32)[name], POINTS).value for name in ("Uniform", "kNN")
        }
        assert {name: explorer._sheet.results[name].value for name in expected} == expected
        explorer.batch_size.value = 16
        assert explorer.hardness["kNN"].value == metrics.batch_hardness(some.references(16)["kNN"], POINTS).value
        explorer.close()

    run(session)


@pytest.mark.parametrize("name", MAKERS)
def test_other_values_of_the_sliders_are_prepared(name, some, monkeypatch):
    walked, first_walks, walks = [], SideBySide.first_walks, SideBySide.walks

    def noted(walk):
        def note(self, *arguments, **settings):
            setting = tuple(value for name, value in settings.items() if name != "least")
            walked.append((threading.current_thread().name, setting))
            return walk(self, *arguments, **settings)

        return note

    monkeypatch.setattr(SideBySide, "first_walks", noted(first_walks))
    monkeypatch.setattr(SideBySide, "walks", noted(walks))

    async def session():
        explorer = MAKERS[name](some)
        wanted = {("explorer", tuple(settings.values())) for _, settings in explorer.controls.others}
        await until(lambda: set(walked) >= wanted)
        if name == "hardness":
            assert set(explorer._measured) == set(explorer.batch_size.options)
        walked.clear()
        explorer.restart.value = 0.25
        assert ("MainThread", tuple(explorer.controls.settings.values())) not in walked, "what is there is not repeated"
        expected = walk_batches(some.graph(**explorer.controls.sizes), some.starts(64), 64, restart=0.25, seed=0)[0]
        found = explorer.hardness["Random walk"] if name == "hardness" else explorer.hardness
        assert found.value == metrics.batch_hardness(expected, POINTS).value
        explorer.close()

    run(session)


def test_nothing_is_prepared_out_of_sight(some):
    async def session():
        explorer = MAKERS["hardness"](some)
        explorer.pause()
        begun = explorer._walk.cache_info().misses
        await until(lambda: explorer._newest._thread is None)
        assert explorer._walk.cache_info().misses == begun == 1
        explorer.resume()
        others = explorer.controls.others
        await until(lambda: explorer._walk.cache_info().misses == 1 + len(others))
        explorer.close()

    run(session)


def test_an_error_in_the_background_is_shown(some, monkeypatch):
    def fail(*arguments, **settings):
        raise RuntimeError("no graph <today>")

    async def session():
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: None)
        explorer = HardnessExplorer(some, LABELS, batch_size=64, n_neighbors=30)
        monkeypatch.setattr(ProximityGraph, "build", fail)
        explorer.n_candidates.value = 250
        await until(lambda: "no graph &lt;today&gt;" in explorer.message.value)
        explorer.close()

    run(session)
