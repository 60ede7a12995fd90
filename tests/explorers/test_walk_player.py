"""The walk player by its traits: what is sent to the browser is what the functions return."""

import asyncio
import threading
import time

import numpy as np
import pytest
from map_data import LABELS, POINTS, SENTENCES, UNLABELLED, N, fail, floats, ints, make, until

from toolkit import metrics
from toolkit.explorers import WalkPlayer, walk_player
from toolkit.proximity import theory, trace_walk, visit_frequencies


@pytest.fixture
def player():
    return make(WalkPlayer)


def test_walk_is_that_of_the_function(player):
    player.batch_size.value, player.restart.value, player.instance.value = 32, 0.5, 11
    trace, sent = trace_walk(player.graph, 11, 32, restart=0.5, seed=0), player.canvas.walk
    np.testing.assert_array_equal(ints(sent["nodes"]), trace.nodes)
    np.testing.assert_array_equal(ints(sent["batch"]), trace.batch)
    np.testing.assert_array_equal(np.frombuffer(sent["kinds"], np.uint8), trace.kinds)
    unit = POINTS / np.linalg.norm(POINTS, axis=1, keepdims=True)
    np.testing.assert_allclose(floats(sent["distances"]), 1 - unit[trace.nodes] @ unit[11], atol=1e-5)
    assert np.frombuffer(sent["same"], np.uint8).tolist() == (LABELS[trace.batch] == LABELS[11]).tolist()
    assert np.frombuffer(sent["outside"], np.uint8).tolist() == (LABELS[trace.nodes] != LABELS[11]).tolist()
    found = metrics.false_negative_rate([trace.batch], LABELS)
    assert f"false negatives <b>{found.value:.1%}</b>" in player.numbers.value
    assert f"hardness <b>{metrics.batch_hardness([trace.batch], POINTS).value:.3f}</b>" in player.numbers.value
    assert f"{trace.n_steps} steps:" in player.numbers.value
    assert f"<span>{trace.restarted.sum()} restart" in player.numbers.value


def test_theory_is_that_of_the_functions(player):
    player.restart.value, player.instance.value = 0.5, 11
    members, sent = LABELS[11] == LABELS, player.canvas.theory
    expected = theory.escape(player.graph, members, restart=0.5)
    rank = theory.pagerank(player.graph, 11, restart=0.5)
    visits = visit_frequencies(player.graph, 11, restart=0.5, n_steps=walk_player.N_VISITS)
    rows = {name: share for name, share, _ in sent["rows"]}
    assert rows["long walk"] == pytest.approx(visits[~members].sum())
    assert rows["its PageRank"] == pytest.approx(expected.walk[11], abs=1e-4)
    assert rows["undirected, lazy"] == pytest.approx(expected.average, abs=1e-4)
    assert sent["bound"] == pytest.approx(expected.bound)
    np.testing.assert_allclose(np.sort(floats(sent["rank"])), np.sort(rank), atol=1e-5)
    assert len(floats(sent["visits"])) == N
    player.region.value = "nearest tenth"
    assert player.canvas.theory["rows"] != sent["rows"]


def test_without_restarts_there_is_no_bound(player):
    player.restart.value = 0
    assert player.canvas.theory["bound_text"] == "infinite"
    assert player.escape.bound == np.inf
    assert player.png()


def test_steps_from_code_and_browser(player):
    whole = player.png()
    assert player.step == player.trace.n_steps
    player.step = 5
    assert player.canvas.step == player.step == 5
    assert player.png() != whole
    player.step = 10**6
    assert player.step == player.trace.n_steps


def test_theory_runs_beside_the_kernel_and_only_the_newest_counts(monkeypatch):
    async def kernel():
        player = make(WalkPlayer)
        await until(lambda: player.canvas.theory)
        began.clear()
        for restart in (0.3, 0.4, 0.5, 0.6, 0.7):
            player.restart.value = restart
            assert player.canvas.walk["restart"] == restart
        await until(lambda: player.canvas.theory["restart"] == 0.7)
        player.restart.value = 0.1
        player.close()
        await asyncio.sleep(0.1)
        assert not any(thread.name == "explorer" for thread in threading.enumerate())

    began, escape = [], theory.escape

    def slow(*arguments, restart, **settings):
        began.append(restart)
        time.sleep(0.1)
        return escape(*arguments, restart=restart, **settings)

    monkeypatch.setattr(theory, "escape", slow)
    asyncio.run(kernel())
    assert 0.7 in began
    assert len(began) <= 4, "what is overtaken is not computed"


def test_error_of_the_theory_is_shown(player, monkeypatch):
    monkeypatch.setattr(theory, "pagerank", fail)
    with pytest.raises(RuntimeError):
        player.restart.value = 0.7
    assert "the graph &lt;burst&gt;" in player.message.value
    assert player.canvas.walk["restart"] == 0.7


def test_sentences_are_sent_as_text():
    player = make(WalkPlayer, items=SENTENCES)
    assert player.canvas.walk["texts"] == [SENTENCES[i] for i in player.trace.batch]


def test_without_labels_false_negatives_are_estimated():
    player = make(WalkPlayer, labels=None)
    found = metrics.estimate_false_negatives([player.trace.batch], POINTS)
    assert f"estimated false negatives <b>{found.value:.1%}</b>" in player.numbers.value
    assert player.region.options == ("nearest tenth",)
    assert player.png()


def test_region_of_a_seed_without_a_label_is_the_nearest_tenth():
    player = make(WalkPlayer, labels=UNLABELLED)
    assert player.region.value == "seed's label"
    assert player.instance.value == 0
    assert UNLABELLED[0] is None
    assert player.canvas.theory["escape_title"] == "Steps outside the region: nearest tenth"
    assert np.frombuffer(player.canvas.walk["same"], np.uint8).sum() == 0
    assert player.png()
    theory_of_tenth = player.canvas.theory["rows"]
    player.region.value = "nearest tenth"
    assert player.canvas.theory["rows"] == theory_of_tenth
    player.region.value, player.instance.value = "seed's label", 1
    assert player.canvas.theory["escape_title"] == f"Steps outside the region: seed's label ({LABELS[1]})"
