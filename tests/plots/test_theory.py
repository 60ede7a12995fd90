"""Walks and graphs against theory, by the data of their artists."""

import numpy as np
import pytest
from figures import texts

from toolkit import ProximityGraph, plots
from toolkit.proximity import theory, trace_walk

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(120, 6))
GRAPH = ProximityGraph.build(POINTS, n_candidates=40, n_neighbors=8)
MEMBERS = np.arange(120) < 40


def test_walk_distance_is_one_minus_cosine_and_marks_restarts():
    trace = trace_walk(GRAPH, start=5, batch_size=24, restart=0.3)
    ax = plots.walk_distance(trace, POINTS, step=4)
    dashed = [line.get_xdata()[0] for line in ax.lines if line.get_linestyle() == "--"]
    assert dashed == (1 + np.flatnonzero(trace.restarted)).tolist()
    path = next(line for line in ax.lines if len(line.get_xdata()) == trace.n_steps + 1)
    unit = POINTS / np.linalg.norm(POINTS, axis=1, keepdims=True)
    expected = [0, *(1 - unit[trace.nodes] @ unit[5])]
    assert path.get_ydata() == pytest.approx(expected, abs=1e-5)
    assert ax.lines[-1].get_xydata()[0] == pytest.approx([4, expected[4]], abs=1e-5)
    filled = ax.lines[-3].get_xdata()
    assert filled.tolist() == [0, *(1 + np.flatnonzero(trace.new_member))]
    assert f"{trace.restarted.mean():.0%} of steps are restarts" in ax.get_title(loc="left")


def test_visits_draws_a_point_for_each_node_seen_and_the_band_of_chance():
    rank = np.array([0.4, 0.3, 0.2, 0.1, 0.0])
    frequencies = np.array([0.5, 0.3, 0.1, 0.0, 0.1])
    ax = plots.visits(frequencies, rank, n_steps=10_000)
    assert ax.lines[1].get_xydata().tolist() == [[0.4, 0.5], [0.3, 0.3], [0.2, 0.1]]
    assert ax.lines[0].get_xdata() == pytest.approx(ax.lines[0].get_ydata())
    assert ax.get_title(loc="left").endswith("differ by 20.0% of the steps")
    band = ax.collections[0].get_paths()[0].vertices
    top = band[np.isclose(band[:, 0], 0.4)][:, 1].max()
    assert top == pytest.approx(0.4 + 1.96 * np.sqrt(0.4 / 10_000))


@pytest.mark.parametrize("restart", [0.05, 0.9])
def test_escape_draws_each_share_and_the_bound_or_that_it_says_nothing(restart):
    result = theory.escape(GRAPH, MEMBERS, restart=restart)
    ax = plots.escape(result, start=3, measured={"this walk": 0.42})
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([0.42, result.walk[3], result.average])
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["this walk", "PageRank", "undirected, lazy", "its bound"]
    assert texts(ax)[0] == "42%"
    if result.bound < 1:
        assert ax.lines[0].get_xdata().tolist() == [result.bound] * 2
        assert texts(ax)[-1] == f"{result.bound:.0%}"
    else:
        assert texts(ax)[-1] == f"{result.bound:.1f}: says nothing"
    assert (result.bound < 1) == (restart == 0.9), "both cases are seen"


def test_escape_curve_draws_bound_worst_start_and_averages():
    results = {restart: theory.escape(GRAPH, MEMBERS, restart=restart) for restart in (0.2, 0.5, 0.8)}
    ax = plots.escape_curve(results)
    drawn = [line.get_ydata() for line in ax.lines]
    found = results.values()
    expected = [
        [each.bound for each in found],
        [each.worst for each in found],
        [each.average for each in found],
        [each.walk[MEMBERS].mean() for each in found],
    ]
    for line, values in zip(drawn, expected, strict=True):
        assert line == pytest.approx(values)
    assert ax.lines[0].get_xdata() == pytest.approx([0.2, 0.5, 0.8])
    broken = sum(each.worst > each.bound for each in found)
    assert ax.get_title(loc="left") == f"The bound holds on average; a start exceeds it at {broken} of 3 restarts"


def test_similar_neighbors_draws_exact_bound_and_the_formula_that_is_none():
    n, m, k = 120, 40, 8
    ranks = RNG.integers(1, 120, 120)
    ax = plots.similar_neighbors(n, n_candidates=m, n_neighbors=k, worst_ranks=ranks)
    naive, exact, bound, measured = ax.lines[:4]
    shares = exact.get_xdata()
    sizes = np.round(shares * n).astype(int)
    assert exact.get_ydata() == pytest.approx(
        [theory.all_neighbors_similar(n, int(s), n_candidates=m, n_neighbors=k) for s in sizes]
    )
    assert bound.get_ydata() == pytest.approx(
        [theory.all_neighbors_similar_bound(n, int(s), n_candidates=m, n_neighbors=k) for s in sizes]
    )
    assert naive.get_ydata() == pytest.approx((1 - (1 - shares) ** m) ** k)
    assert (naive.get_ydata() > exact.get_ydata() + 0.1).any(), "it promises too much"
    assert measured.get_ydata() == pytest.approx([(ranks <= size).mean() for size in sizes[::8]])
    assert "○ measured" in texts(ax)
    assert "○ measured" not in texts(plots.similar_neighbors(n, n_candidates=m, n_neighbors=k))
