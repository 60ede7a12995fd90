"""Maps, an instance's neighbours, walks and what a graph is like, by the data of their artists."""

from itertools import pairwise

import numpy as np
import pytest
from figures import texts
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex

from toolkit import ProximityGraph, plots
from toolkit.metrics import graph as structure
from toolkit.plots import maps
from toolkit.plots.style import COLORS, FALSE_NEGATIVE, UNLABELLED
from toolkit.proximity import trace_walk

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(120, 6))
POSITIONS = RNG.normal(size=(120, 2))
LABELS = np.array(["cat", "dog", "eel"])[np.arange(120) % 3]
GRAPH = ProximityGraph.build(POINTS, n_candidates=40, n_neighbors=8)
TRACE = trace_walk(GRAPH, start=5, batch_size=24, restart=0.3)


def rows(points):
    """Return points as a set, whatever their order."""
    return {tuple(np.round(point, 9)) for point in np.asarray(points)}


def ringed(ax):
    """Return where the rings of false negatives are, and where the other members are."""
    members = [part for part in ax.collections[1:] if isinstance(part, PathCollection)]
    colors = [to_hex(part.get_edgecolor()[0]).upper() if len(part.get_offsets()) else "" for part in members]
    assert len(members) == 2
    assert colors[1] in ("", FALSE_NEGATIVE)
    return rows(members[1].get_offsets()), rows(members[0].get_offsets())


# Maps


def test_each_label_is_written_once_at_an_instance_of_its_own_or_just_above():
    ax = plots.embedding_map(POSITIONS, LABELS)
    assert rows(ax.collections[0].get_offsets()) == rows(POSITIONS)
    assert texts(ax) == ["cat", "dog", "eel"]
    for text in ax.texts:
        own = POSITIONS[text.get_text() == LABELS]
        x, y = text.get_position()
        assert np.isclose(own[:, 0], x).any()
        assert y >= own[np.isclose(own[:, 0], x)][0, 1] - 1e-9
    assert len({tuple(color) for color in ax.collections[0].get_facecolors()}) == 3


def test_names_in_one_place_are_moved_apart_and_too_many_left_out():
    positions = np.repeat([[0.0, 0.0], [1.0, 1.0]], [6, 1], axis=0)
    ax = plots.embedding_map(positions, ["a", "b", "c", "a", "b", "c", "d"])
    heights = sorted(text.get_position()[1] for text in ax.texts[:3])
    assert np.diff(heights).min() >= 0.045 - 1e-9
    assert texts(plots.embedding_map(POSITIONS, np.arange(120))) == []


def test_of_very_many_instances_some_are_drawn_and_all_names(monkeypatch):
    monkeypatch.setattr(maps, "_MOST_POINTS", 50)
    values = np.arange(120.0)
    whole, few = plots.embedding_map(POSITIONS, LABELS), plots.embedding_map(POSITIONS, values=values)
    drawn = np.asarray(few.collections[0].get_offsets())
    assert len(drawn) == len(whole.collections[0].get_offsets()) == 50
    of = {tuple(position): value for position, value in zip(POSITIONS.tolist(), values, strict=True)}
    assert few.collections[0].get_array().tolist() == [of[tuple(position)] for position in drawn.tolist()]
    assert few.collections[0].get_clim() == pytest.approx(np.quantile(values, [0.02, 0.98])), "of all"
    assert texts(whole) == ["cat", "dog", "eel"]


def test_values_are_coloured_by_size_and_outliers_do_not_set_the_scale():
    values = np.append(np.arange(119.0), 1e6)
    ax = plots.embedding_map(POSITIONS, values=values, title="size")
    shown = ax.collections[0]
    assert shown.get_array().tolist() == values.tolist()
    assert shown.get_clim() == pytest.approx(np.quantile(values, [0.02, 0.98]))
    assert ax.get_title(loc="left") == "size"
    assert len(ax.figure.axes) == 2, "a scale beside it"


def test_a_map_of_the_wrong_shape_is_named():
    with pytest.raises(ValueError, match=r"positions must have shape \(120, 2\)"):
        plots.embedding_map(np.zeros((120, 3)))
    with pytest.raises(ValueError, match=r"values must have shape \(120,\)"):
        plots.embedding_map(POSITIONS, values=[1, 2])


def test_instances_without_a_label_are_pale_grey_and_not_named():
    labels = [None if i % 3 == 0 else label for i, label in enumerate(LABELS.tolist())]
    ax = plots.embedding_map(POSITIONS, labels)
    assert texts(ax) == ["dog", "eel"]
    grey = [to_hex(color).upper() == UNLABELLED for color in ax.collections[0].get_facecolors()]
    assert grey == [label is None for label in labels]


# Neighbours and walks on the map


def test_a_neighbourhood_has_an_edge_to_each_neighbour_and_rings_those_of_its_label():
    ax = plots.neighborhood(POSITIONS, GRAPH, 7, LABELS)
    neighbors = GRAPH.neighbors[7]
    same = LABELS[neighbors] == LABELS[7]
    (edges,) = [part for part in ax.collections if isinstance(part, LineCollection)]
    assert all(np.allclose(segment[0], POSITIONS[7]) for segment in edges.get_segments())
    assert rows([segment[1] for segment in edges.get_segments()]) == rows(POSITIONS[neighbors])
    assert ringed(ax) == (rows(POSITIONS[neighbors[same]]), rows(POSITIONS[neighbors[~same]]))
    assert ax.lines[0].get_xydata().tolist() == [POSITIONS[7].tolist()]
    assert ax.get_title(loc="left") == f"The 8 neighbours of #7: {same.sum()} have its label (ringed)"
    assert plots.neighborhood(POSITIONS, GRAPH, 7).get_title(loc="left") == "The 8 neighbours of #7"
    with pytest.raises(ValueError, match="index must be between 0 and 119, got 120"):
        plots.neighborhood(POSITIONS, GRAPH, 120)


@pytest.mark.parametrize("step", [None, 0, 10])
def test_a_walk_has_a_line_for_each_move_and_a_mark_for_each_member(step):
    ax = plots.walk(POSITIONS, TRACE, LABELS, step)
    n = TRACE.n_steps if step is None else step
    nodes = [TRACE.start, *TRACE.nodes[:n]]
    moved, back = [part.get_segments() for part in ax.collections[1:3]]
    expected = [(POSITIONS[a], POSITIONS[b]) for a, b in pairwise(nodes)]
    jumps = [pair for pair, restarted in zip(expected, TRACE.restarted, strict=False) if restarted]
    assert np.array(back).tolist() == np.array(jumps).tolist()
    assert len(moved) + len(back) == n
    members = np.array(list(dict.fromkeys(nodes)))
    same = LABELS[members] == LABELS[TRACE.start]
    assert ringed(ax) == (rows(POSITIONS[members[same]]), rows(POSITIONS[members[~same]]))
    assert ax.get_title(loc="left").startswith(f"{n} steps, {len(back)} restarts (dashed), {len(members)} members")


@pytest.mark.parametrize("missing", [None, float("nan"), -1])
def test_instances_without_a_label_are_never_false_negatives(missing):
    labels = [missing if i % 2 else 0 for i in range(120)]  # #7 and #5, where the walk starts, have none
    for ax in (plots.neighborhood(POSITIONS, GRAPH, 7, labels), plots.walk(POSITIONS, TRACE, labels)):
        assert ringed(ax)[0] == set()
        assert ": 0 have" in ax.get_title(loc="left") or ", 0% with" in ax.get_title(loc="left")


def test_a_walk_of_too_many_steps_is_refused():
    with pytest.raises(ValueError, match=f"step must be between 0 and {TRACE.n_steps}"):
        plots.walk(POSITIONS, TRACE, step=TRACE.n_steps + 1)


# What a graph is like


def test_in_degrees_counts_every_instance_once_and_marks_one():
    result = structure.in_degrees(GRAPH)
    ax = plots.in_degrees(result, index=3)
    assert sum(bar.get_height() for bar in ax.patches) == 120
    assert texts(ax) == ["mean 8", f"#3: {result.values[3]}"]
    assert [line.get_xdata()[0] for line in ax.lines] == [8, result.values[3]]


def test_in_degrees_says_who_is_nobodys_neighbour():
    lonely = structure.InDegrees(np.array([0, 2, 2, 4]))
    assert plots.in_degrees(lonely).get_title(loc="left").endswith("25.0% are nobody's neighbour")
    equal = structure.InDegrees(np.array([2, 2, 2]))
    assert plots.in_degrees(equal).get_title(loc="left") == "In-degrees vary by 0%; all are somebody's neighbour"


def test_candidates_splits_the_best_from_the_rest():
    similarities = RNG.permutation(np.linspace(-0.5, 0.9, 60))
    ax = plots.candidates(similarities, n_neighbors=15)
    everyone, best = np.split(np.array([bar.get_height() for bar in ax.patches]), 2)
    assert (everyone.sum(), best.sum()) == (60, 15)
    assert (best <= everyone).all()
    lefts = np.array([bar.get_x() for bar in ax.patches[40:]])
    assert lefts[best > 0].min() > np.quantile(similarities, 0.7)


def test_same_label_draws_each_rate_beside_chance():
    results = {name: structure.same_label_edges(GRAPH, names) for name, names in {"a": LABELS, "b": [0] * 120}.items()}
    ax = plots.same_label(results)
    assert [bar.get_width() for bar in ax.patches] == [results["a"].value, 1]
    assert {to_hex(bar.get_facecolor()).upper() for bar in ax.patches} == {COLORS["Random walk"].upper()}
    assert texts(ax)[0] == f"{results['a'].value:.0%}  ({results['a'].value / results['a'].prior:.1f} × chance)"
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
