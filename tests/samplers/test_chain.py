"""Chains against plain Python."""

import numpy as np
import pytest
from sampler_kinds import normal, unit

from toolkit.engine.rules import Groups, Rules
from toolkit.samplers import ChainBatchSampler


def slow_chains(unit_rows, paired: bool, skip: int, codes, size: int, starts) -> list[int]:
    """Go on to the most similar instance of the space that is free and allowed, else to the most similar free one."""
    queries, targets = np.split(unit_rows.astype(np.float64), 2, 1) if paired else (unit_rows, unit_rows)
    order = []
    for number, first in enumerate(range(0, len(unit_rows), size)):
        space = range(first, min(first + size, len(unit_rows)))
        at = first + int(starts[number]) % len(space)
        chain = [at]
        while len(chain) < len(space):
            anchors, others = (queries, targets) if len(chain) % 2 else (targets, queries)
            similarity = {i: float(anchors[at] @ others[i]) for i in space}
            ranked = sorted((i for i in space if i != at and codes[i] != codes[at]), key=lambda i: -similarity[i])
            ranked += sorted((i for i in space if i != at and codes[i] == codes[at]), key=lambda i: -similarity[i])
            left_out = ranked[:skip]
            free = [i for i in ranked if i not in chain]
            group = [i for i in free if codes[i] == codes[at]]
            best = [i for i in free if i not in left_out and i not in group]
            worst = [i for i in free if i in left_out and i not in group]
            at = (best or sorted(worst, key=lambda i: -similarity[i]) or group)[0]
            chain.append(at)
        order += chain
    return order


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("skip", [0, 3])
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize(("n", "size"), [(60, 20), (53, 20), (40, 40)])
def test_chains_are_those_of_plain_python(n, size, grouped, skip, paired):
    points = unit(normal(n, 8))
    codes = np.arange(n) // 2 if grouped else np.arange(n)
    sampler = ChainBatchSampler(n, 10, n_candidates=size, skip=skip)
    rules = Rules(paired, Groups(codes) if grouped else None, skip)
    order = sampler._arrange(points, 10, rules, np.random.default_rng(5))
    starts = np.random.default_rng(5).integers(size, size=-(-n // size))
    assert order.tolist() == slow_chains(points, paired, skip, codes, size, starts)


def test_search_spaces_are_whole_batches():
    assert [ChainBatchSampler(100, 16, n_candidates=m).n_candidates for m in (2, 16, 17, 90, 500)] == [
        *(16, 16, 32, 96, 100)
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"n_candidates": 1}, "n_candidates must be at least 2, got 1"), ({"skip": 20}, "skip must be between 0 and 19")],
)
def test_wrong_settings(changes, message):
    with pytest.raises(ValueError, match=message):
        ChainBatchSampler(100, 10, **{"n_candidates": 20} | changes)
