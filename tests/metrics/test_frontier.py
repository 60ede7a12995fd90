"""The frontier of hardness against false negatives."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from toolkit.metrics import batch_hardness, estimate_false_negatives, hardness_frontier
from toolkit.samplers import SideBySide

POINTS = np.random.default_rng(0).normal(size=(60, 5))
LABELS = np.random.default_rng(1).integers(0, 4, 60)


@pytest.fixture(scope="module")
def table(clusters):
    graphs, restarts = [(100, 50), (500, 20)], [0.05, 0.5, 0.8]
    return hardness_frontier(clusters.points, clusters.labels, 50, graphs=graphs, restarts=restarts).to_frame()


def test_frontier_has_a_row_per_setting(table):
    settings = "sampler n_neighbors n_candidates restart prior"
    measured = "hardness false_negative_rate false_negative_half variety loss_gap"
    assert sorted(table) == sorted(settings.split() + measured.split())
    assert table.sampler.tolist() == ["Uniform", "kNN"] + ["Random walk"] * 6
    settings = table[["n_candidates", "n_neighbors", "restart"]]
    assert settings[:2].isna().all(axis=None)
    expected = [(m, k, restart) for m, k in ((100, 50), (500, 20)) for restart in (0.05, 0.5, 0.8)]
    assert [tuple(row) for row in settings[2:].to_numpy().tolist()] == expected
    assert table.prior.tolist() == pytest.approx([499 / 4999] * 8)
    assert table.notna()[["hardness", "false_negative_rate", "false_negative_half"]].all(axis=None)


def test_frontier_lies_between_the_references(table):
    uniform, knn, walks = table.iloc[0], table.iloc[1], table.iloc[2:]
    for column in ("hardness", "false_negative_rate"):
        assert uniform[column] < walks[column].min()
        assert walks[column].max() < knn[column]
        few, many = walks[column][:3], walks[column][3:]
        # A higher restart probability and more candidates per neighbour give harder batches.
        assert few.is_monotonic_increasing
        # With 20 neighbours for 50 members, 0.8 is hardly harder than 0.5 (8 seeds: +0.004 to +0.010, spread 0.008).
        assert many.iloc[0] < many.iloc[1:].min()
        assert (many.to_numpy() > few.to_numpy()).all()
    assert uniform.false_negative_rate == pytest.approx(uniform.prior, abs=3 * uniform.false_negative_half)


def test_frontier_follows_from_its_seed():
    def run(seed):
        found = hardness_frontier(POINTS, LABELS, 10, graphs=[(30, 5)], restarts=[0.2], n_batches=3, seed=seed)
        return found.to_frame()

    assert run(0).equals(run(0))
    assert not run(0).equals(run(1))


@pytest.mark.parametrize(
    ("arguments", "exception", "message"),
    [
        ({"batch_size": 61}, ValueError, "batch_size must be between 2 and 60, got 61"),
        ({"n_batches": 0}, ValueError, "n_batches must be at least 1, got 0"),
        ({"graphs": [(30, 31)]}, ValueError, "n_neighbors must be between 1 and 30, got 31"),
        ({"restarts": [1.0]}, ValueError, "restarts must be a number in [0, 1)"),
        ({"embeddings": POINTS * np.nan}, ValueError, "embeddings must be finite"),
        ({"labels": LABELS[:59]}, ValueError, "labels must have shape (60,), one per instance, got (59,)"),
        ({"labels": np.append(LABELS, 0)}, ValueError, "labels must have shape (60,), one per instance, got (61,)"),
    ],
)
def test_frontier_errors(arguments, exception, message):
    defaults = {"embeddings": POINTS, "labels": LABELS, "batch_size": 10, "graphs": [(30, 5)], "restarts": [0.2]}
    with pytest.raises(exception) as error:
        hardness_frontier(**defaults | arguments)
    assert message in str(error.value)


@pytest.mark.parametrize("given", [{"targets": POINTS}, {"n_batches": 20}, {"seed": 9}])
def test_what_a_side_by_side_object_has_itself_is_refused_next_to_it(given):
    some, settings = SideBySide(POINTS, n_batches=3, seed=1), {"graphs": [(30, 5)], "restarts": [0.2]}
    assert len(hardness_frontier(some, LABELS, 10, **settings).points) > 2
    (name,) = given
    with pytest.raises(TypeError, match=f"{name} must be None if embeddings are a SideBySide object, got both"):
        hardness_frontier(some, LABELS, 10, **settings, **given)


def test_value_is_the_rank_correlation(clusters):
    graphs, restarts = [(100, 50), (500, 20)], [0.05, 0.5, 0.8]
    found = hardness_frontier(clusters.points, clusters.labels, 50, graphs=graphs, restarts=restarts)
    table = found.to_frame()
    assert found.value == pytest.approx(spearmanr(table.hardness, table.false_negative_rate).statistic)
    low, high = found.interval()
    assert low < found.value <= high <= 1
    assert len(found.walks) + len(found.references) == len(table)
    assert repr(found) == f"Frontier(value={found.value:.2f}, points=8)"


def test_frontier_of_pairs_measures_what_their_loss_sees():
    targets = POINTS + np.random.default_rng(2).normal(size=POINTS.shape)
    found = hardness_frontier(POINTS, None, 10, targets=targets, graphs=[(30, 5)], restarts=[0.2], n_batches=3)
    assert found.estimated
    some = SideBySide(POINTS, 3, targets=targets)
    walks, _ = some.walks(10, n_candidates=30, n_neighbors=5, restart=0.2)
    for row, batches in zip(found.points.itertuples(), [*some.references(10).values(), walks], strict=True):
        assert row.hardness == pytest.approx(batch_hardness(batches, POINTS, targets).value)
        estimate = estimate_false_negatives(batches, POINTS, targets)
        assert (row.false_negative_rate, row.prior) == pytest.approx((estimate.value, estimate.prior))
