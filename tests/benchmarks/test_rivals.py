"""Rivals of the walk: searches of the graph against networkx, and the table that goes on where it stopped."""

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from reference import cosine
from sampler_kinds import normal

from benchmarks import rivals
from benchmarks.traversals import BreadthFirstBatchSampler, DepthFirstBatchSampler, NearestWalkBatchSampler, traversed
from toolkit import ProximityGraph

GRAPH = ProximityGraph.build(normal(200), n_candidates=60, n_neighbors=4)
LINKS = [set(row.tolist()) for row in GRAPH.neighbors]


@pytest.mark.parametrize("start", [0, 7, 90])
def test_breadth_first_members_come_by_their_distance(start):
    members = traversed(GRAPH.neighbors, start, 60, False, None, np.random.default_rng(start))
    distances = nx.single_source_shortest_path_length(GRAPH.to_networkx(), start)
    found = [distances[member] for member in members.tolist()]
    assert members[0] == start
    assert len(set(members.tolist())) == 60
    assert found == sorted(found)
    whole = [node for node, distance in distances.items() if distance < found[-1]]
    assert set(whole) <= set(members.tolist())


@pytest.mark.parametrize("start", [0, 7, 90])
def test_depth_first_goes_on_from_the_last_member_that_has_a_new_neighbour(start):
    members = traversed(GRAPH.neighbors, start, 60, True, None, np.random.default_rng(start)).tolist()
    assert len(set(members)) == 60
    for place in range(1, 60):
        earlier = members[:place]
        open_ends = [node for node in earlier if LINKS[node] - set(earlier)]
        assert members[place] in LINKS[open_ends[-1]]


def test_a_search_that_finds_nobody_goes_on_from_a_random_node():
    neighbors = np.arange(20)[:, None] ^ 1  # pairs
    for depth_first in (False, True):
        members = traversed(neighbors, 3, 9, depth_first, None, np.random.default_rng(0))
        assert members[:2].tolist() == [3, 2]
        assert len(set(members.tolist())) == 9
    alone = traversed(neighbors, 3, 9, False, np.arange(20) // 2, np.random.default_rng(0))
    assert len(set((alone // 2).tolist())) == 9


@pytest.mark.parametrize("cls", [BreadthFirstBatchSampler, DepthFirstBatchSampler])
def test_searches_are_samplers(cls):
    points = normal(200)
    settings = {"n_candidates": 60, "n_neighbors": 4, "restart": 0.0}
    sampler = cls.from_embeddings(points, 20, **settings)
    epochs = [list(sampler) for _ in range(2)]
    assert all(len(set(batch)) == 20 for batch in epochs[0])
    again = cls.from_embeddings(points, 20, **settings)
    again.set_epoch(1)
    assert list(again) == epochs[1] != epochs[0]


def test_the_walk_on_nearest_neighbours():
    points = normal(120)
    sampler = NearestWalkBatchSampler.from_embeddings(points, 20, n_candidates=119, n_neighbors=5, restart=0.2, skip=2)
    exact = np.argsort(-cosine(points) + 9 * np.eye(120), axis=1)[:, 2:7]
    np.testing.assert_array_equal(np.sort(sampler.graph.neighbors, 1), np.sort(exact, 1))
    assert len(list(sampler)) == 6


def test_every_registered_sampler_is_measured_with_as_many_settings():
    assert set(rivals.SETTINGS) == set(rivals.KINDS)
    assert {len(settings) for name, settings in rivals.SETTINGS.items() if name != "uniform"} == {3}


def test_measured_at_a_small_size(monkeypatch):
    monkeypatch.setattr(rivals, "FEW", 4)
    easy, hard = (rivals.measured(name, rivals.SETTINGS[name][0], 2000) for name in ("uniform", "chain"))
    assert easy["hardness"] + 0.1 < hard["hardness"]
    assert hard["loss_gap"] < easy["loss_gap"]
    assert easy.keys() == hard.keys()


def test_the_table_goes_on_where_it_stopped(tmp_path, monkeypatch):
    def fake(name, settings, n):
        made.append(name)
        figures = dict.fromkeys(["hardness", "false_negative_rate", "loss_gap", "variety", "plan_s", "peak_gib"], 0.5)
        key = {"instances": n, "dim": 128, "batch_size": 32, "sampler": name, "settings": rivals.written(settings)}
        return key | {"threads": 1} | figures

    made, out = [], tmp_path / "rivals.csv"
    monkeypatch.setattr(rivals, "apart", fake)
    monkeypatch.setattr("sys.argv", ["rivals", "--samplers", "uniform", "chain", "--out", str(out)])
    rivals.main()
    assert made == ["uniform", "chain", "chain", "chain"]
    kept = rivals.read(out)
    kept.drop(index=[0, 2]).to_csv(out, index=False)
    rivals.main()
    assert made[4:] == ["uniform", "chain"]
    again, kept = (table.sort_values("settings", ignore_index=True) for table in (rivals.read(out), kept))
    pd.testing.assert_frame_equal(again, kept)
    assert rivals.markdown(kept).count("\n| Chain | n_candidates=") == 3
