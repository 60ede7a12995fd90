"""Audits: the figures of the metrics, beside a shuffle of the same sizes."""

import numpy as np
import pytest

from toolkit import KNNBatchSampler
from toolkit.metrics import audit, batch_coverage, batch_hardness, false_negative_rate, hardest_pairs
from toolkit.metrics.audits import shuffled

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 10, 1000)
POINTS = (RNG.normal(size=(10, 16))[LABELS] + RNG.normal(size=(1000, 16))).astype(np.float32)
HARD = list(KNNBatchSampler.from_embeddings(POINTS, 40))


def test_the_table_holds_the_metrics():
    found = audit(HARD, POINTS, labels=LABELS)
    figures = found.table.batches
    assert figures["hardness"] == pytest.approx(batch_hardness(HARD, POINTS).value)
    assert figures["false negatives"] == pytest.approx(false_negative_rate(HARD, LABELS).value)
    assert figures["instances covered"] == batch_coverage(HARD, 1000).value
    assert figures["loss gap"] < found.table.shuffle["loss gap"]
    assert found.pairs.equals(hardest_pairs(HARD, POINTS, 20, LABELS))
    assert found.similarities.negatives["mean"] == pytest.approx(figures["hardness"], abs=0.006)
    assert "The batches are harder than a shuffle" in found.summary
    assert repr(found).endswith("method='labels', batches=25)")


def test_a_shuffle_is_as_hard_as_a_shuffle():
    order = np.random.default_rng(9).permutation(1000).reshape(25, 40)
    found = audit(order, POINTS)
    assert "as hard as a shuffle" in found.summary
    assert found.method == "clusters"
    assert found.table.batches["estimated false negatives"] == pytest.approx(
        found.table.shuffle["estimated false negatives"], rel=0.1
    )


@pytest.mark.parametrize(("n", "estimated"), [(30, False), (199, False), (200, True)])
def test_false_negatives_of_few_instances_are_not_estimated(n, estimated):
    found = audit(np.arange(n)[: n // 10 * 10].reshape(-1, 10), POINTS[:n])
    assert found.method == ("clusters" if estimated else "none")
    assert found.table.loc["estimated false negatives"].notna().all() == estimated
    assert found.table.drop("estimated false negatives").notna().all(axis=None)
    sentence = f"False negatives are not estimated, because {n} instances without labels are fewer than 200"
    assert (sentence in found.summary) != estimated
    assert ("% estimated false negatives" in found.summary) == estimated
    assert f"false_negatives={'0.' if estimated else 'nan'}" in repr(found)


def test_false_negatives_of_few_instances_are_counted_with_labels_or_targets():
    assert audit([range(30)], POINTS[:30], labels=LABELS[:30]).method == "labels"
    assert audit([range(30)], POINTS[:30], targets=POINTS[:30]).method == "positives"


def test_near_duplicates_are_counted():
    points = POINTS.copy()
    points[1] = points[0]
    found = audit([[0, 1, 2, 3]], points)
    assert found.table.batches["near-duplicates"] == pytest.approx(1 / 6)
    assert (found.pairs.iloc[0][["first", "second"]] == [0, 1]).all()


def test_pairs_have_positives_and_a_difference():
    targets = POINTS + 0.2 * RNG.normal(size=POINTS.shape)
    found = audit(HARD, POINTS, targets=targets)
    assert list(found.similarities) == ["negatives", "positives", "difference"]
    assert found.similarities.positives["mean"] > 0.95
    assert found.method == "positives"


def test_the_shuffle_has_the_same_sizes_and_every_instance_once_an_epoch():
    batches = [np.arange(size) for size in (40, 30, 40, 20) * 5]
    some = shuffled(batches, 100, 0)
    assert [len(batch) for batch in some] == [len(batch) for batch in batches]
    assert all(len(set(batch)) == len(batch) for batch in some)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"batches": [[0, 1000]]}, IndexError, "batches"),
        ({"labels": LABELS[:5]}, ValueError, "labels must have shape"),
        ({"n_pairs": 0}, ValueError, "n_pairs must be"),
    ],
)
def test_bad_input(settings, error, message):
    with pytest.raises(error, match=message):
        audit(**{"batches": HARD, "embeddings": POINTS} | settings)
