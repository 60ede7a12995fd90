"""Groups: two instances of one group never share a batch, with any sampler, whatever happens on the way."""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sampler_kinds import KINDS, ONCE, ONLINE, PLANNED, built, flat, new, normal, training

from toolkit import ProximityGraph
from toolkit.proximity import partition_batches, trace_walk, walk_batches


@st.composite
def groupings(draw):
    """A number of instances, a batch size, and groups of at most as many as there are full batches."""
    batch_size = draw(st.integers(2, 12))
    n = draw(st.integers(max(batch_size + 1, 8), 150))
    most = n // batch_size
    sizes = []
    while sum(sizes) < n:
        sizes.append(draw(st.sampled_from([1, 2, most, most])) if most > 1 else 1)
    codes = np.repeat(np.arange(len(sizes)), np.minimum(sizes, most))[:n]
    return n, batch_size, np.random.default_rng(draw(st.integers(0, 1000))).permutation(codes)


def check(sampler, batches, codes) -> None:
    assert len(batches) == len(sampler)
    for batch in batches:
        assert len(set(codes[batch].tolist())) == len(batch), batch
    assert all(len(batch) == sampler.batch_size for batch in batches[:-1])
    last = sampler.n % sampler.batch_size or sampler.batch_size
    assert len(batches[-1]) == (sampler.batch_size if sampler.drop_last else last)


@settings(max_examples=30, deadline=None)
@pytest.mark.parametrize("kind", KINDS)
@given(grouping=groupings(), seed=st.integers(0, 99))
def test_never_two_of_a_group(kind, grouping, seed):
    n, batch_size, codes = grouping
    sampler = built(kind, normal(n, 4, seed), batch_size, groups=codes, seed=seed)
    for _ in range(2):
        batches = list(sampler)
        check(sampler, batches, codes)
        if kind in ONCE and not sampler.drop_last:
            assert sorted(flat(batches)) == list(range(n))
        if kind == "partition":
            assert sampler.stats.left_out == 0


@settings(max_examples=10, deadline=None)
@pytest.mark.parametrize("kind", KINDS)
@given(grouping=groupings(), stop=st.integers(0, 12), every=st.integers(1, 5))
def test_groups_through_warm_up_rebuilds_and_a_resume(kind, grouping, stop, every):
    n, batch_size, codes = grouping
    points, arguments = normal(n, 4), {"groups": codes}
    if kind in ONLINE:
        arguments["refresh_every"] = every
    sampler = new(kind, n, batch_size, **arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warm-up goes on where an epoch leaves instances out
        steps = training(sampler, points)
        epochs = [list(itertools.islice(steps, len(sampler))) for _ in range(2)]
        sampler.set_epoch(2)
        rest = iter(sampler)
        epochs.append(list(itertools.islice(rest, min(stop, len(sampler) - 1))))
        resumed = new(kind, n, batch_size, **arguments)
        if epochs[-1]:
            resumed.load_state_dict(sampler.state_dict())
            left = list(rest)
            assert list(resumed) == left
            epochs[-1] += left
    for epoch in epochs:
        for batch in epoch:
            assert len(set(codes[batch].tolist())) == len(batch)
    if kind in ["partition", *PLANNED]:
        assert all(len(set(flat(epoch))) == len(flat(epoch)) for epoch in epochs)
    if kind == "partition":
        left_out = sum(n - len(flat(epoch)) for epoch in epochs if len(epoch) == len(sampler))
        assert left_out <= sampler.stats.left_out


@pytest.mark.parametrize("kind", KINDS)
def test_groups_that_are_too_large_are_refused(kind):
    codes = np.arange(100)
    codes[:6] = 0
    with pytest.raises(ValueError, match=r"groups must have at most N / B = 5 instances each.*got\s+one with 6"):
        new(kind, 100, 20, groups=codes)
    new(kind, 100, 16, groups=codes)
    with pytest.raises(ValueError, match=r"groups must have shape \(100,\)"):
        new(kind, 100, 16, groups=codes[:99])


def test_instances_without_a_group_are_alone():
    sampler = new("uniform", 6, 3, groups=[None, "a", None, "a", "b", None])
    assert sampler.groups.codes[[1, 3]].tolist() == [0, 0]
    assert len(set(sampler.groups.codes.tolist())) == 5


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_of_other_groups_is_refused(kind):
    state = built(kind, normal(60), 6, groups=np.arange(60) // 2).state_dict()
    built(kind, normal(60), 6, groups=np.arange(60) // 2).load_state_dict(state)
    with pytest.raises(ValueError, match=r'its groups is "Groups\(n=30'):
        built(kind, normal(60), 6, groups=np.arange(60) // 3).load_state_dict(state)


@pytest.mark.parametrize("kind", KINDS)
def test_settings_make_the_same_sampler(kind):
    points, codes = normal(60), np.arange(60) // 2
    first = built(kind, points, 6, groups=codes)
    again = type(first).from_embeddings(points, **first.settings)
    assert list(again) == list(first)
    assert "groups=Groups(n=30, largest=2" in repr(first)


def test_functions_of_a_graph_keep_its_groups():
    codes = np.arange(120) // 4
    graph = ProximityGraph.build(normal(120), n_candidates=60, n_neighbors=8, groups=codes)
    batches, _ = walk_batches(graph, np.arange(0, 120, 10), 20)
    queue, stats = partition_batches(graph, np.arange(120), 20)
    assert stats.left_out == 0
    for batch in [*batches, *queue.reshape(6, 20), trace_walk(graph, 3, 25).batch]:
        assert len(set(codes[batch].tolist())) == len(batch)
    assert (codes[graph.neighbors] != codes[:, None]).all()


def test_a_batch_of_more_members_than_groups_is_refused():
    graph = ProximityGraph.build(normal(60), n_candidates=30, n_neighbors=5, groups=np.arange(60) // 4)
    for fill in (lambda: walk_batches(graph, [0], 16), lambda: trace_walk(graph, 0, 16)):
        with pytest.raises(ValueError, match="batch_size must be between 1 and 15, got 16: a batch holds one instance"):
            fill()
    assert len(trace_walk(graph, 0, 15).batch) == 15


def test_what_cannot_be_placed_is_left_out_and_counted():
    # Three batches, four instances of group 0: one cannot be placed; -1 stands in its place.
    codes = np.array([0, 0, 0, 0, 1, 2, 3, 4, 5])
    graph = ProximityGraph.build(normal(9), n_candidates=8, n_neighbors=3, groups=codes)
    queue, stats = partition_batches(graph, np.arange(9), 3)
    assert stats.left_out == 1
    assert sorted(queue.tolist())[0] == -1
    assert len(set(queue.tolist())) == 9
    for batch in queue.reshape(3, 3):
        placed = batch[batch >= 0]
        assert len(set(codes[placed].tolist())) == len(placed)


@pytest.mark.parametrize("kind", ONCE)
def test_every_batch_holds_every_group_if_it_must(kind):
    # As many groups as members, each with one instance for each batch: only one kind of partition exists.
    codes = np.random.default_rng(0).permutation(np.arange(400) % 8)
    sampler = built(kind, normal(400), 8, groups=codes)
    for batch in sampler:
        assert sorted(codes[batch].tolist()) == list(range(8))
