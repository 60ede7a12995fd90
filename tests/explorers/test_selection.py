"""Batches through a selection: the numbers are those of the metric, for an epoch of every sampler."""

import numpy as np
import pytest
from map_data import CODES, IMAGES, LABELS, POINTS, N

from toolkit.explorers import SelectionExplorer
from toolkit.metrics import meetings
from toolkit.samplers.registry import defaults

LABELS_SHOWN = [kind.label for kind in defaults().values()]
SETTINGS = {"n_candidates": 100, "n_neighbors": 10, "restart": 0.5, "batch_size": 32}


@pytest.fixture(scope="module")
def explorer():
    return SelectionExplorer(POINTS, LABELS, IMAGES, selection=range(40), **SETTINGS)


def test_every_sampler_has_its_epoch(explorer):
    explorer.selection = range(40)
    epochs = explorer._samples.epochs(**explorer.controls.settings)
    assert list(explorer.meetings) == list(epochs) == LABELS_SHOWN
    for name, batches in epochs.items():
        assert {len(batch) for batch in batches} == {32}
        found, wanted = explorer.meetings[name], meetings(batches, range(40), N, CODES)
        np.testing.assert_array_equal(found.values, wanted.values)
        assert found.same_label == wanted.same_label
        assert f"{wanted.holding:,} of {len(batches):,}" in explorer.table.value


def test_fullest_batch_begins_with_the_selection(explorer):
    explorer.selection = range(40)
    for name in LABELS_SHOWN:
        explorer.sampler.value = name
        batch = explorer.fullest()
        chosen = batch < 40
        assert chosen.sum() == explorer.meetings[name].values.max()
        assert np.all(np.diff(chosen.astype(int)) <= 0)
        assert f"{chosen.sum()} of 32" in explorer.batch.value


def test_without_two_instances_it_says_how_to_select(explorer):
    explorer.selection = [3]
    assert explorer.meetings == {}
    assert "Select two instances or more" in explorer.table.value
    assert explorer.batch.value == ""
    assert explorer.png().startswith(b"\x89PNG")
    explorer.selection = [3, 4]
    assert explorer.meetings


def test_without_labels_false_negatives_are_estimated():
    explorer = SelectionExplorer(POINTS, selection=range(40), **SETTINGS)
    assert "estimated false negatives" in explorer.table.value
    assert 0 <= explorer.meetings["kNN"].same_label <= 1
    with pytest.raises(IndexError, match="selection"):
        SelectionExplorer(POINTS, selection=[N])
