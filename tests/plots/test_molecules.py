"""Drawings of molecules and their changes by the data of their artists."""

import numpy as np
import torch
from matplotlib.colors import to_hex
from random_graphs import make_graphs, make_set

from toolkit import plots
from toolkit.datasets import graphs
from toolkit.datasets.graph_views import GraphAugmentation
from toolkit.plots.molecules import CHANGED, DROPPED
from toolkit.plots.style import FALSE_NEGATIVE, INK
from toolkit.plots.thumbnails import Thumbnails

MOLECULES = graphs.bundled()
PICLORAM = 1200  # rings, double bonds, four elements


def lines(ax, number=0):
    return ax.collections[number].get_segments()


def change(kind, index=700, seed=0):
    torch.manual_seed(seed)
    changed = GraphAugmentation((kind,))(MOLECULES.batch([index]))
    return changed, plots.augmentation_diff(MOLECULES.graphs[index], changed, graphs.ELEMENTS)


def test_each_bond_has_as_many_lines_as_its_order_and_only_other_atoms_than_carbon_are_written():
    graph = MOLECULES.graphs[PICLORAM]
    ax = plots.molecule(graph, graphs.ELEMENTS)
    assert len(lines(ax)) == graph.bond.sum() / 2
    letters = [graphs.ELEMENTS[code] for code in graph.x.argmax(1).tolist()]
    assert [text.get_text() for text in ax.texts] == [letter for letter in letters if letter != "C"]
    for text in ax.texts:
        assert any(np.allclose(text.get_position(), position) for position in graph.pos.numpy())


def test_lines_end_at_the_atoms():
    graph = MOLECULES.graphs[0]  # pentane: single bonds only
    ends = {tuple(np.round(point, 4)) for line in lines(plots.molecule(graph, graphs.ELEMENTS)) for point in line}
    assert ends == {tuple(np.round(point, 4)) for point in graph.pos.double().numpy()}


def test_whole_molecule_is_in_view():
    for index in (0, 5, 700, PICLORAM):
        ax = plots.molecule(MOLECULES.graphs[index], graphs.ELEMENTS)
        positions = MOLECULES.graphs[index].pos.numpy()
        for limits, values in zip((ax.get_xlim(), ax.get_ylim()), positions.T, strict=True):
            assert limits[0] < values.min() <= values.max() < limits[1]


def test_graphs_without_positions_are_laid_out_the_same_way_each_time():
    for graph in make_graphs()[:6]:
        first, second = plots.molecule(graph), plots.molecule(graph)
        assert len(lines(first)) == graph.num_edges / 2
        dots = [np.array([line.get_xydata()[0] for line in ax.lines]) for ax in (first, second)]
        assert len(dots[0]) == graph.num_nodes
        np.testing.assert_array_equal(*dots)


def test_dropped_atoms_and_their_bonds_are_pale():
    changed, ax = change("nodes")
    assert ax.get_title("left") == "5 of 27 atoms dropped"
    gone = set(range(27)) - set(changed.origin.tolist())
    graph = MOLECULES.graphs[700]
    expected = [a in gone or b in gone for (a, b), n in pairs(graph) for _ in range(n)]
    shown = [to_hex(color).upper() for color in ax.collections[0].get_colors()]
    assert shown == [DROPPED if pale else INK for pale in expected]
    written = [node for node in range(27) if graph.x[node].argmax() != 0]
    assert [text.get_color() == DROPPED for text in ax.texts] == [node in gone for node in written]


def pairs(graph):
    return [
        (tuple(ends), n)
        for ends, n in zip(graph.edge_index.T.tolist(), graph.bond.tolist(), strict=True)
        if ends[0] < ends[1]
    ]


def test_new_bonds_are_dashed_in_a_colour_of_their_own():
    changed, ax = change("edges")
    graph = MOLECULES.graphs[700]
    before, after = (set(map(tuple, edges.T.tolist())) for edges in (graph.edge_index, changed.edge_index))
    assert len(lines(ax, 1)) == len(after - before) / 2 > 0
    assert to_hex(ax.collections[1].get_colors()[0]).upper() == CHANGED
    assert ax.get_title("left") == f"{len(before - after) // 2} of 29 bonds moved"


def test_masked_atoms_are_ringed():
    changed, ax = change("attributes")
    masked = (changed.x != MOLECULES.graphs[700].x).any(1)
    np.testing.assert_allclose(ax.collections[2].get_offsets(), MOLECULES.graphs[700].pos[masked])
    assert ax.get_title("left") == "5 of 27 atoms masked"


def test_a_change_of_nothing_says_so():
    graph = MOLECULES.batch([0])
    assert (
        plots.augmentation_diff(MOLECULES.graphs[0], GraphAugmentation(("nodes",), 0)(graph)).get_title("left")
        == "unchanged"
    )


def test_batches_of_drawings_frame_false_negatives():
    data = make_set()
    pictures = Thumbnails(lambda index, ax: plots.molecule(data.graphs[index], ax=ax), len(data))
    axes = plots.batch_grid({"Uniform": [2, 4, 5], "kNN": [3, 6, 7]}, pictures, data.labels, data.classes, n_shown=3)
    framed = [[to_hex(ax.spines["left"].get_edgecolor()).upper() == FALSE_NEGATIVE for ax in row] for row in axes]
    assert framed == [[False, True, False], [False, False, True]]
    assert [ax.get_xlabel() for ax in axes[0]] == ["even", "even", "odd"]
    assert len(axes[0, 1].lines) == data.graphs[4].num_nodes
