"""How often chosen instances share a batch, against a count of every pair."""

from itertools import combinations

import numpy as np
import pytest

from toolkit.metrics import meetings

RNG = np.random.default_rng(0)
N = 60
BATCHES = [RNG.permutation(N)[:12] for _ in range(9)]
CHOSEN = RNG.permutation(N)[:20]
LABELS = np.where(np.arange(N) % 4 == 0, None, np.array(["a", "b", "c"])[np.arange(N) % 3])


def test_pairs_are_counted():
    met = [pair for batch in BATCHES for pair in combinations(batch, 2) if set(pair) <= set(CHOSEN)]
    same = [LABELS[a] is not None and LABELS[a] == LABELS[b] for a, b in met]
    found = meetings(BATCHES, CHOSEN, N, LABELS)
    assert found.pairs == len(met)
    assert found.times == len(met) / 190
    assert found.over_chance == pytest.approx(len(met) / 190 / (9 * 12 * 11 / (60 * 59)))
    assert found.same_label == np.mean(same)
    assert found.values.tolist() == [len(set(batch) & set(CHOSEN)) for batch in BATCHES]
    assert found.holding == np.count_nonzero(found.values)


def test_shuffles_meet_as_often_as_chance():
    found = meetings([RNG.permutation(N)[:12] for _ in range(4000)], CHOSEN, N)
    assert found.over_chance == pytest.approx(1, abs=0.02)
    assert np.isnan(found.same_label)


@pytest.mark.parametrize(
    ("chosen", "exception", "message"),
    [
        ([3, 3], ValueError, "chosen must hold at least two instances, got 1"),
        ([0, N], IndexError, "chosen"),
    ],
)
def test_bad_input_is_named(chosen, exception, message):
    with pytest.raises(exception, match=message):
        meetings(BATCHES, chosen, N)
