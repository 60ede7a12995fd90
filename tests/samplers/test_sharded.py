"""Embeddings spread over processes, over gloo; the oracle is one process alone, bit for bit."""

from itertools import chain

import numpy as np
import pytest
import torch
from ranks import run_ranks
from sharded_runs import BATCH, COURSES, DIM, KINDS, SEED, WALK, N, course, resumed, rows_of, whole_run

from toolkit import KNNBatchSampler, RandomWalkBatchSampler
from toolkit.engine.linking import candidate_blocks, link
from toolkit.samplers import DistributedBatches


@pytest.fixture(scope="module", params=[2, 4])
def ranks(request):
    """Return what 2 and 4 processes found."""
    return run_ranks(whole_run, n=request.param)


@pytest.fixture(scope="module")
def alone():
    """Return the courses of one process."""
    return {kind: course(kind) for kind in COURSES}


@pytest.mark.parametrize("kind", KINDS)
def test_graphs_are_those_of_one_process(ranks, kind):
    rules, n_candidates, n_neighbors = KINDS[kind]
    vectors = rows_of(kind)
    expected = link(vectors, vectors.float().norm(dim=1), n_candidates, n_neighbors, SEED, 1, rules)
    found = ranks[0]["graphs"][kind][0]
    np.testing.assert_array_equal(found.neighbors, expected.neighbors)
    np.testing.assert_array_equal(found.skipped, expected.skipped)
    assert (found.lacking, found.lacking > 0) == (expected.lacking, kind == "pairs")
    assert len(ranks[1]["graphs"][kind][0].neighbors) == 0, "only the first process keeps the graph"


@pytest.mark.parametrize("kind", KINDS)
def test_traffic_of_a_build_is_as_stated(ranks, kind):
    rules, n_candidates, n_neighbors = KINDS[kind]
    sent = sum(found["graphs"][kind][1] for found in ranks)
    n_rows = sum(len(rows) + len(candidates) for rows, candidates in candidate_blocks(N, n_candidates, SEED))
    embeddings = n_rows * DIM * rows_of(kind).element_size()
    stated = (embeddings + 4 * N * (n_neighbors + rules.skip)) * (len(ranks) - 1) / len(ranks)
    assert sent == pytest.approx(stated, rel=0.02)
    if kind == "plain":
        assert n_rows == pytest.approx(3 * N, rel=0.03)


@pytest.mark.parametrize("kind", COURSES)
def test_batches_are_those_of_one_process(ranks, alone, kind):
    drawn, neighbors, (n, width), rows = alone[kind]
    assert neighbors.shape == (N, WALK["n_neighbors"])
    found = [each["courses"][kind] for each in ranks]
    slices = zip(*(each[0] for each in found), strict=True)
    assert [list(chain(*parts)) for parts in slices] == drawn
    np.testing.assert_array_equal(found[0][1], neighbors)
    assert torch.equal(found[0][3], rows)
    assert [each[2] for each in found] == [(len(range(r, n, len(ranks))), width) for r in range(len(ranks))]
    assert all(each[1] is None for each in found[1:]), "only the first process has a graph"


def test_torch_s_default_device_changes_no_batches(ranks, alone):
    slices = zip(*(each["elsewhere"] for each in ranks), strict=True)
    drawn = [list(chain(*parts)) for parts in slices]
    assert drawn == alone["plain"][0][: len(drawn)]


def test_resume_is_exact_with_each_process_s_own_state(ranks):
    slices = zip(*(each["resumed"][0] for each in ranks), strict=True)
    assert [list(chain(*parts)) for parts in slices] == resumed()[0]
    for rank, each in enumerate(ranks[1:], 1):
        words = f"its sharded is 'share 0 of {len(ranks)}', this one's 'share {rank} of {len(ranks)}'"
        assert words in each["resumed"][1]


def test_a_bad_embedding_is_refused_in_all_processes(ranks):
    row = ranks[1]["refusals"]["row"]
    for each in ranks:
        assert (
            f"embeddings must be finite and not all zero in every row, got 1 bad row(s), first [{row}]"
            in (each["refusals"]["NaN"])
        )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"restart": "auto"}, "with sharded=True, restart of the sampler must be a probability or a function"),
        ({"refresh": "background"}, 'with sharded=True, refresh of the sampler must be "blocking"'),
        ({"fresh": 0.5}, "with sharded=True, fresh of the sampler must be 1"),
    ],
)
def test_settings_that_need_all_embeddings_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        DistributedBatches(RandomWalkBatchSampler(N, BATCH, **WALK | changes), sharded=True)


def test_other_samplers_are_refused():
    with pytest.raises(TypeError, match="must be a RandomWalkBatchSampler with sharded=True, got a KNNBatchSampler"):
        DistributedBatches(KNNBatchSampler(N, BATCH), sharded=True)
    with pytest.raises(ValueError, match="sharded must be False with everywhere=True"):
        DistributedBatches(RandomWalkBatchSampler(N, BATCH, **WALK), sharded=True, everywhere=True)
    known = RandomWalkBatchSampler.from_embeddings(rows_of("plain"), BATCH, **WALK)
    with pytest.raises(ValueError, match="must have no embeddings yet with sharded=True, got 1500"):
        DistributedBatches(known, sharded=True)
