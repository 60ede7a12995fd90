"""Linking by rules: pairs, groups, skip, margin, candidates kept from an earlier graph."""

import numpy as np
import pytest
import torch
from graph_checks import normal
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit import ProximityGraph
from toolkit.engine.device import link_on_device
from toolkit.engine.linking import candidate_blocks, link
from toolkit.engine.nearest import exact_neighbors
from toolkit.engine.rules import Groups, Rules
from toolkit.proximity import join_pairs

LINKS = {"threads": lambda *a, **k: link(*a, n_threads=2, **k), "torch": link_on_device}


def similarity(rows: np.ndarray, paired: bool) -> np.ndarray:
    """Cosines of all rows, or of each row's query with the other's target and the reverse, in float64."""
    rows = rows.astype(np.float64)
    if not paired:
        return rows @ rows.T
    queries, targets = np.split(rows, 2, axis=1)
    return queries @ targets.T + targets @ queries.T


def expected(row, candidates, scores, k, codes, skip, limit):
    """Neighbours and skipped candidates of a row, by the words of the rules."""
    allowed = [c for c in candidates if c != row and (codes is None or codes[c] != codes[row]) and scores[c] < limit]
    ranked = sorted(allowed, key=lambda c: -scores[c])
    return ranked[skip : skip + k], ranked[:skip]


def check(links, found: dict, scores: np.ndarray, k: int) -> None:
    lacking = 0
    for row, (neighbors, skipped) in found.items():
        got = links.neighbors[row].tolist()
        lacking += len(neighbors) < k
        if not neighbors:
            assert set(got) == {row}
            continue
        assert len(set(got)) == len(neighbors)
        repeats = np.unique(got, return_counts=True)[1]
        assert repeats.max() - repeats.min() <= 1
        # Equal values may stand for each other.
        np.testing.assert_allclose(np.sort(scores[row, list(set(got))]), np.sort(scores[row, neighbors]), atol=2e-6)
        np.testing.assert_allclose(links.similarities[row], scores[row, got], atol=2e-6)
        aside = [c for c in links.skipped[row].tolist() if c >= 0]
        np.testing.assert_allclose(np.sort(scores[row, aside]), np.sort(scores[row, skipped]), atol=2e-6)
    assert links.lacking == lacking


@settings(max_examples=80)
@given(
    n=st.integers(4, 150),
    shares=st.tuples(*[st.floats(0, 1)] * 3),
    paired=st.booleans(),
    n_groups=st.one_of(st.none(), st.integers(1, 60)),
    margin=st.one_of(st.none(), st.floats(0.1, 2)),
    kept=st.one_of(st.none(), st.integers(1, 20)),
    linked=st.sampled_from(sorted(LINKS)),
    seed=st.integers(0, 2**32),
)
def test_rules_against_their_words(n, shares, paired, n_groups, margin, kept, linked, seed):
    m = 1 + round(shares[0] * (n - 2))
    k = 1 + round(shares[1] * (m - 1))
    skip = round(shares[2] * (m - k))
    rng = np.random.default_rng(seed)
    rows = join_pairs(normal(n, 6, seed), normal(n, 6, seed) + 0.5 * rng.normal(size=(n, 6))).numpy()
    scores = similarity(rows, paired)
    codes = None if n_groups is None else rng.integers(0, n_groups, n)
    margin = margin if paired else None
    rules = Rules(paired, None if codes is None else Groups(codes), skip, margin)
    earlier = None if kept is None else rng.integers(-1, n, (n, kept)).astype(np.int32)
    vectors = torch.from_numpy(rows)
    links = LINKS[linked](vectors, torch.ones(n), m, k, seed=seed, rules=rules, kept=earlier)
    found = {}
    for part, candidates in candidate_blocks(n, m, seed):
        for row in part.tolist():
            mine = [c for c in candidates.tolist() if c != row][:m]
            if earlier is not None:
                mine += sorted(set(earlier[row].tolist()) - set(candidates.tolist()) - {-1})
            limit = np.inf if margin is None else margin * scores[row, row]
            near = np.abs(scores[row, mine] - limit) < 1e-6
            if near.any():
                return  # rounding decides
            found[row] = expected(row, mine, scores[row], k, codes, skip, limit)
    check(links, found, scores, k)


def test_pairs_are_linked_as_the_symmetric_loss_sees_them():
    rng = np.random.default_rng(0)
    queries = rng.normal(size=(60, 5))
    targets = queries[::-1] + 0.01 * rng.normal(size=(60, 5))  # each target is another query's
    rows = join_pairs(queries, targets)
    graph = ProximityGraph.build(rows, n_candidates=59, n_neighbors=1, paired=True)
    assert (graph.neighbors[:, 0] == np.arange(60)[::-1]).mean() > 0.9
    # Without pairing, the rows are compared side by side.
    assert (
        ProximityGraph.build(rows, n_candidates=59, n_neighbors=1).neighbors[:, 0] == np.arange(60)[::-1]
    ).mean() < 0.5


@pytest.mark.parametrize("linked", sorted(LINKS))
def test_a_margin_that_leaves_nothing_makes_rows_their_own_neighbours(linked):
    rows = join_pairs(np.ones((30, 4)), np.ones((30, 4)))
    links = LINKS[linked](rows, torch.ones(30), 10, 3, seed=0, rules=Rules(True, margin=0.5))
    assert links.lacking == 30
    np.testing.assert_array_equal(links.neighbors, np.arange(30)[:, None].repeat(3, 1))


@settings(max_examples=40)
@given(
    n=st.integers(10, 80),
    skip=st.integers(0, 3),
    n_groups=st.one_of(st.none(), st.integers(8, 40)),
    margin=st.one_of(st.none(), st.floats(0.5, 1.5)),
    seed=st.integers(0, 2**32),
)
def test_exact_neighbours_by_rules(n, skip, n_groups, margin, seed):
    rng = np.random.default_rng(seed)
    rows = join_pairs(normal(n, 4, seed), normal(n, 4, seed) + 0.5 * rng.normal(size=(n, 4))).numpy()
    scores = similarity(rows, True)
    codes = None if n_groups is None else rng.permutation(np.arange(n) % n_groups)
    k = 5 if n_groups is None else 4
    rules = Rules(True, None if codes is None else Groups(codes), skip, margin)
    found, similarities = exact_neighbors(rows, np.arange(n), k, rules)
    np.testing.assert_allclose(similarities, np.take_along_axis(scores, found, 1), atol=1e-5)
    for row in range(n):
        limit = np.inf if margin is None else margin * scores[row, row]
        ranked, aside = expected(row, range(n), scores[row], n, codes, skip, limit)
        rest = [c for c in range(n) if c != row and (codes is None or codes[c] != codes[row]) and c not in ranked]
        ranked += sorted(rest, key=lambda c: scores[row, c])
        if codes is not None:
            ranked = list({codes[c]: c for c in reversed(ranked)}.values())[::-1]
            ranked = sorted(ranked, key=lambda c: ranked.index(c))
            assert len({codes[c] for c in found[row]} | {codes[row]}) == k + 1
        if np.abs(scores[row] - limit).min() > 1e-5:
            assert len(set(found[row].tolist())) == k
            if codes is None:
                np.testing.assert_allclose(similarities[row], scores[row, ranked[:k]], atol=1e-5)
            assert not set(found[row].tolist()) & set(aside) or len(ranked) - len(rest) < k


@settings(max_examples=60)
@given(
    n=st.integers(4, 120),
    shares=st.tuples(*[st.floats(0, 1)] * 3),
    skip=st.integers(0, 2),
    n_groups=st.one_of(st.none(), st.integers(1, 40)),
    margin=st.one_of(st.none(), st.floats(0.1, 2)),
    seed=st.integers(0, 99),
)
def test_narrow_graphs_are_those_built_by_rules_that_leave_too_few(n, shares, skip, n_groups, margin, seed):
    m = 1 + skip + round(shares[0] * (n - 2 - skip))
    wide = 1 + round(shares[1] * (m - skip - 1))
    fewer = 1 + round(shares[2] * (wide - 1))
    rng = np.random.default_rng(seed)
    rows = join_pairs(normal(n, 6, seed), normal(n, 6, seed) + 0.5 * rng.normal(size=(n, 6)))
    rules = {"paired": True, "groups": None if n_groups is None else np.arange(n) % n_groups, "margin": margin}
    built, found = (
        ProximityGraph.build(rows, n_candidates=m, n_neighbors=k, skip=skip, seed=seed, **rules) for k in (fewer, wide)
    )
    found = found.narrow(fewer)
    np.testing.assert_array_equal(found.neighbors, built.neighbors)
    np.testing.assert_array_equal(found.similarities, built.similarities)
    assert found.lacking == built.lacking


def test_groups_describe_themselves():
    assert repr(Groups(np.array([0, 0, 1]))).startswith("Groups(n=2, largest=2, digest='")
    assert repr(Groups(np.array([0, 0, 1]))) != repr(Groups(np.array([0, 1, 1])))
