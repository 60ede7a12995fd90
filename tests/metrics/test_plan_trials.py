"""Settings of chains and clusters, tried: against whole epochs of the samplers themselves."""

import numpy as np
import pytest

from toolkit.metrics import batch_hardness, estimate_false_negatives, false_negative_rate, suggest_settings
from toolkit.samplers import ChainBatchSampler, ClusterBatchSampler

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 50, 3000)
CENTRES = RNG.normal(size=(50, 24))
POINTS = (CENTRES[LABELS] + 0.7 * RNG.normal(size=(3000, 24))).astype(np.float32)
TARGETS = (CENTRES[LABELS] + 0.7 * RNG.normal(size=(3000, 24))).astype(np.float32)
TRIED = {
    "chain": (ChainBatchSampler, "n_candidates", [100, 150, 250, 500, 1000, 1950, 3000]),
    "cluster": (ClusterBatchSampler, "cluster_size", [12, 6, 3]),
}
RATES = {
    "labels": lambda batches: false_negative_rate(batches, LABELS).value,
    "estimated": lambda batches: estimate_false_negatives(batches, POINTS).value,
    "pairs": lambda batches: estimate_false_negatives(batches, POINTS, TARGETS).value,
}


def epochs(name: str, kind: str) -> dict[int, tuple[float, float]]:
    """Return hardness and rate of a whole epoch with each setting, drawn with another seed."""
    cls, setting, sizes = TRIED[name]
    targets = TARGETS if kind == "pairs" else None
    found = {}
    for size in sizes:
        batches = list(cls.from_embeddings(POINTS, 50, targets=targets, seed=5, **{setting: size}))
        found[size] = batch_hardness(batches, POINTS, targets).value, RATES[kind](batches)
    return found


@pytest.mark.parametrize("kind", list(RATES))
@pytest.mark.parametrize("name", list(TRIED))
def test_the_hardest_setting_within_each_limit_is_found(name, kind):
    data = {"targets": TARGETS} if kind == "pairs" else {}
    data |= {"labels": LABELS} if kind == "labels" else {}
    whole, setting = epochs(name, kind), TRIED[name][1]
    suggested = 0
    for limit in (0.04, 0.1, 0.3, 1.0):
        found = suggest_settings(POINTS, 50, **data, max_false_negatives=limit, samplers=[name])
        tried = found.points.iloc[1:].set_index(setting)
        assert sorted(tried.index) == sorted(TRIED[name][2])
        for size, (hardness, rate) in whole.items():
            assert tried.hardness[size] == pytest.approx(hardness, rel=0.12, abs=0.01)
            assert tried.false_negative_rate[size] == pytest.approx(rate, rel=0.15, abs=0.01)
        shuffled = found.points.hardness.iloc[0]
        best = max((hardness for hardness, rate in whole.values() if rate < 0.9 * limit), default=shuffled)
        if found.settings:
            suggested += 1
            assert found.false_negative_rate <= limit
            hardness, rate = whole[found.settings[setting]]
            assert rate <= 1.15 * limit
            assert hardness >= 0.99 * best
        else:
            assert best - shuffled < 0.05
    assert suggested > 1


@pytest.mark.parametrize(("batch_size", "sizes"), [(2, [2]), (7, [2]), (8, [2]), (32, [8, 4, 2]), (200, [50, 25, 12])])
def test_a_batch_holds_several_clusters(batch_size, sizes):
    found = suggest_settings(POINTS, batch_size, samplers=["cluster"], max_false_negatives=1.0)
    assert found.points.cluster_size.dropna().tolist() == sizes


def test_a_batch_size_above_the_search_spaces():
    found = suggest_settings(POINTS, 1200, samplers=["chain"], max_false_negatives=1.0)
    assert found.points.n_candidates.dropna().tolist() == [2400, 3000]
