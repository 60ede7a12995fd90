"""Plans of an epoch: refresh at once and in the background, blocks, and what groups leave of an order."""

import itertools
import threading
import time

import numpy as np
import pytest
from sampler_kinds import PLANNED, built, flat, normal, of_clusters, unit

from toolkit.engine.rules import Groups
from toolkit.engine.walking import cut_in_order
from toolkit.samplers import PlannedBatchSampler
from toolkit.samplers.planned import _shuffled_blocks


class Sorted(PlannedBatchSampler):
    """Along the first dimension; keeps the vectors of each plan."""

    def __init__(self, n, batch_size, *, refresh="blocking", warmup_epochs=1):
        super().__init__(n, batch_size, False, 3, refresh, warmup_epochs, 0)
        self.seen = []

    def _arrange(self, unit, block_size, rules, rng):
        time.sleep(getattr(self, "slow", 0))
        self.seen.append((unit, threading.current_thread()))
        return np.argsort(unit[:, 0])


POINTS = normal(100)


def drawn(refresh: str, n_batches: int = 14, slow: float = 0) -> tuple[Sorted, list, list]:
    """Ten batches an epoch, a rebuild every third: the batches, and the embeddings that were known at each."""
    sampler = Sorted.from_embeddings(POINTS, 10, refresh=refresh)
    sampler.slow, known, batches = slow, [], []
    drawing = itertools.chain.from_iterable(itertools.repeat(sampler))
    for step in range(n_batches):
        known.append(sampler.bank.vectors.clone().numpy())
        batches.append(next(drawing))
        sampler.update(batches[-1], POINTS[batches[-1]] + normal(10, 8, step))
    return sampler, batches, known


def plans(sampler: Sorted, known: list) -> list[int]:
    """At which batch the embeddings of each plan were the present ones."""
    rows = [{tuple(row) for row in np.round(vectors, 6).tolist()} for vectors in known]
    return [
        next(i for i in reversed(range(len(rows))) if {tuple(row) for row in np.round(unit, 6).tolist()} <= rows[i])
        for unit, _ in sampler.seen
    ]


def is_sorted(batches, vectors) -> bool:
    """Whether batches are slices along the first dimension, in any order."""
    firsts = sorted(np.sort(vectors[batch, 0]).tolist() for batch in batches)
    return flat(firsts) == sorted(flat(firsts))


def test_what_is_left_is_planned_again_from_the_present_embeddings():
    sampler, batches, known = drawn("blocking")
    # Ten batches an epoch: at its beginning, and every third after that.
    assert plans(sampler, known) == [0, 3, 6, 9, 10, 13]
    assert [len(unit) for unit, _ in sampler.seen] == [100, 70, 40, 10, 100, 70]
    for begin, end in ((0, 3), (3, 6), (6, 9), (10, 13)):
        assert is_sorted(batches[begin:end], known[begin])
    assert sorted(flat(batches[:10])) == list(range(100))


def test_in_the_background_a_plan_takes_over_one_period_after_it_was_due():
    sampler, batches, known = drawn("background")
    # Requested at batches 3, 6 and 9; used from batches 6 and 9, and from the start of the next epoch.
    # Only instances of earlier batches change, so that of those left the embeddings are still the present ones.
    assert plans(sampler, known)[:4] == [0, 6, 9, 9]
    assert [len(unit) for unit, _ in sampler.seen[:4]] == [100, 40, 10, 100]
    for begin, end, asked in ((0, 6, 0), (6, 9, 3), (10, 13, 9)):
        assert is_sorted(batches[begin:end], known[asked])
    assert sorted(flat(batches[:10])) == list(range(100))
    main = threading.current_thread()
    assert [thread is main for _, thread in sampler.seen[:4]] == [True, False, False, False]


def test_batches_do_not_depend_on_how_long_a_plan_takes():
    assert drawn("background", slow=0.1)[1] == drawn("background")[1]


def test_an_epoch_left_early_is_planned_as_a_whole():
    sampler = drawn("background", n_batches=5)[0]
    sampler.set_epoch(2)
    assert sorted(flat(sampler)) == list(range(100))


@pytest.mark.parametrize("kind", PLANNED)
def test_who_is_left_out_of_an_epoch_is_random(kind):
    sampler = built(kind, normal(107), 20)
    out = [frozenset(range(107)) - frozenset(flat(sampler)) for _ in range(6)]
    assert all(len(each) == 7 for each in out)
    assert len(set(out)) == 6
    assert len(frozenset.union(*out)) > 25


def test_batches_are_filled_with_random_blocks(monkeypatch):
    monkeypatch.setattr(Sorted, "_block_size", lambda self: 4)
    order = np.argsort(unit(normal(96))[:, 0])
    blocks = np.empty(96, int)
    blocks[order] = np.arange(96) // 4
    sampler = Sorted.from_embeddings(normal(96), 12)
    batches = list(sampler)
    assert of_clusters(batches, blocks) == [[4, 4, 4]] * 8
    near = sum(np.ptp(blocks[batch]) == 2 for batch in batches)
    assert near < 3, "blocks next to each other would make the same batches with any size"


def test_blocks_stay_together():
    order = np.random.default_rng(0).permutation(50)
    shuffled = _shuffled_blocks(order, 8, np.random.default_rng(1))
    assert shuffled[48:].tolist() == order[48:].tolist()
    assert {tuple(block) for block in shuffled[:48].reshape(6, 8)} == {
        tuple(block) for block in order[:48].reshape(6, 8)
    }
    assert shuffled.tolist() != order.tolist()


def slow_cut(order, batch_size: int, codes) -> list[list[int]]:
    """Fill batch after batch with the next instances whose group it lacks, while there are any."""
    left, batches = list(order), []
    for _ in range(-(-len(order) // batch_size)):
        batch = []
        for instance in list(left):
            if len(batch) < batch_size and codes[instance] not in codes[batch]:
                batch.append(instance)
                left.remove(instance)
        batches.append(batch)
    return batches


@pytest.mark.parametrize("largest", [1, 2, 5])
def test_an_order_is_cut_so_that_groups_wait_for_the_next_batch(largest):
    rng = np.random.default_rng(largest)
    order, codes = rng.permutation(96), rng.permutation(np.arange(120) // largest)
    queue = cut_in_order(order, 8, 96, Groups(codes))
    expected = slow_cut(order, 8, codes)
    full = next((i for i, batch in enumerate(expected) if len(batch) < 8), len(expected))
    assert full > 8, "the last batches may have to swap"
    if full < 12:  # a batch that finds nobody swaps with those before it
        expected, queue = expected[: full - 2], queue[: 8 * (full - 2)]
        assert sum(a != b for a, b in zip(queue.tolist(), flat(expected), strict=True)) < 10
    else:
        assert queue.tolist() == flat(expected)


def test_missing_instances_are_shared_among_the_batches():
    queue = cut_in_order(np.arange(17), 4, 24, Groups(np.arange(30)))
    assert (queue.reshape(6, 4) >= 0).sum(1).tolist() == [2, 3, 3, 3, 3, 3]
    assert sorted(queue[queue >= 0].tolist()) == list(range(17))
