"""The menu of samplers: what is chosen is shown, slow planners do not hold up sliders, a missing package is named."""

import asyncio
import sys
import threading

import numpy as np
import pytest

from toolkit.explorers import FalseNegativeExplorer, HardnessExplorer
from toolkit.metrics import batch_hardness, false_negative_rate
from toolkit.samplers import registry
from toolkit.samplers.side_by_side import SideBySide

RNG = np.random.default_rng(0)
LABELS = np.arange(300) % 10
POINTS = RNG.normal(size=(10, 12))[LABELS] + RNG.normal(size=(300, 12))
EXPLORERS = pytest.mark.parametrize("kind", [HardnessExplorer, FalseNegativeExplorer])


def shown(explorer):
    """Return the samplers next to the walk, with their hardness and false negatives."""
    if isinstance(explorer, HardnessExplorer):
        names = [name for name in explorer.hardness if name != "Random walk"]
        return {name: (explorer.hardness[name].value, explorer.false_negatives[name].value) for name in names}
    rows = explorer.frontier.references
    return dict(zip(rows.sampler, zip(rows.hardness, rows.false_negative_rate, strict=True), strict=True))


@EXPLORERS
def test_any_registered_sampler_can_be_shown(kind):
    explorer = kind(POINTS, LABELS, batch_size=32)
    first = explorer.png()
    assert list(shown(explorer)) == ["Uniform", "kNN"], "the default is as without a menu"
    names = [kind.label for kind in registry.SAMPLERS.values() if kind.label != "Random walk"]
    assert explorer.samplers.options == tuple(name for name in names if name != "Uniform")
    explorer.samplers.value = explorer.samplers.options
    found, some = shown(explorer), SideBySide(POINTS)
    assert list(found) == names
    for name in names:
        batches = some.batches(registry.labels()[name].name, 32)
        expected = batch_hardness(batches, POINTS).value, false_negative_rate(batches, LABELS).value
        assert found[name] == pytest.approx(expected), name
    assert explorer.png() != first
    explorer.samplers.value = ()
    assert list(shown(explorer)) == ["Uniform"]
    explorer.samplers.value = ("kNN",)
    assert explorer.png() == first
    explorer.close()


@EXPLORERS
def test_a_sampler_without_its_package_is_named_in_the_panel(kind, monkeypatch):
    monkeypatch.setitem(sys.modules, "pymetis", None)
    explorer = kind(POINTS, LABELS, batch_size=32)
    explorer.samplers.value = ("kNN", "Graph parts", "Chain")
    assert list(shown(explorer)) == ["Uniform", "kNN", "Chain"]
    assert "Graph parts</b> is not shown: GraphPartitionBatchSampler needs pymetis" in explorer._menu.note.value
    assert explorer.message.value == ""
    explorer.samplers.value = ("kNN",)
    assert explorer._menu.note.value == ""
    explorer.close()


def test_a_slow_planner_holds_up_no_slider(monkeypatch):
    slow = threading.Event()
    batches = SideBySide.batches

    def plan(self, name, size):
        if name == "bandwidth":
            assert slow.wait(60)
        return batches(self, name, size)

    monkeypatch.setattr(SideBySide, "batches", plan)

    async def session():
        explorer = HardnessExplorer(POINTS, LABELS, batch_size=32)
        explorer.samplers.value = ("Bandwidth",)
        assert "Bandwidth</b>: planning its batches" in explorer._menu.note.value
        before = explorer.hardness["Random walk"].value
        explorer.restart.value = 0.9
        assert explorer.hardness["Random walk"].value > before
        assert "Bandwidth" not in explorer.hardness
        slow.set()
        for _ in range(600):
            if "Bandwidth" in explorer.hardness:
                break
            await asyncio.sleep(0.05)
        assert list(shown(explorer)) == ["Uniform", "Bandwidth"]
        assert explorer._menu.note.value == ""
        explorer.close()

    asyncio.run(session())
