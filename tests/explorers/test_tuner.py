"""The tuner by its traits: it shows what `suggest_settings` finds, for the newest position of the sliders."""

import asyncio
import threading
from functools import partial

import numpy as np
import pytest

from toolkit import UniformBatchSampler
from toolkit.explorers import Dashboard, TunerExplorer, tuner
from toolkit.metrics import suggest_settings
from toolkit.samplers import SAMPLERS

RNG = np.random.default_rng(0)
N = 400
LABELS = np.arange(N) % 40
POINTS = RNG.normal(size=(40, 12))[LABELS] + RNG.normal(size=(N, 12))
TEXTS = [f"text <{i}>" for i in range(N)]
SETTINGS = {"batch_size": 32, "max_false_negatives": 0.04}


@pytest.fixture(scope="module")
def shared():
    return TunerExplorer(POINTS, LABELS, TEXTS, **SETTINGS)


@pytest.fixture
def explorer(shared):
    shared.budget.value, shared.batch_size.value = 0.04, 32
    shared.pinned = None
    return shared


def suggested(budget, batch_size, **data):
    return suggest_settings(POINTS, batch_size, max_false_negatives=budget, **{"labels": LABELS} | data)


@pytest.mark.parametrize(("budget", "batch_size"), [(0.04, 32), (0.3, 16)])
def test_settings_batch_and_code_are_those_of_the_suggestion(explorer, budget, batch_size):
    explorer.batch_size.value, explorer.budget.value = batch_size, budget
    found, expected = explorer.tuned.suggestion, suggested(budget, batch_size)
    assert found.settings == expected.settings
    assert (found.hardness, found.false_negative_rate) == (expected.hardness, expected.false_negative_rate)
    assert found.false_negative_rate <= budget
    assert all(f"text &lt;{index}&gt;" in explorer.cards.value for index in expected.batch[: tuner.N_SHOWN])
    kind = SAMPLERS[found.sampler]
    made = eval(found.code, {kind.cls.__name__: kind.cls, "len": len, "dataset": POINTS})
    assert (made.batch_size, made.settings | found.settings) == (batch_size, made.settings)
    assert f"Suggested ★: {kind.label.lower()}, batches of {batch_size}" in explorer.cards.value
    assert f'style="--tk-own:{kind.color}"' in explorer.cards.value
    assert f"batch_size={batch_size}" in explorer.cards.value
    assert f"{1000 * found.seconds_per_batch:.1f} ms a batch" in explorer.cards.value
    assert f"<b>{expected.hardness:.3f}</b>" in explorer.numbers.value
    assert explorer.png().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["random_walk", "chain", "cluster"])
def test_a_card_has_the_settings_of_the_sampler(monkeypatch, name):
    monkeypatch.setattr(tuner, "suggest_settings", partial(suggest_settings, samplers=[name]))
    explorer = TunerExplorer(POINTS, LABELS, batch_size=32, max_false_negatives=0.3)
    found, rows = explorer.tuned.suggestion, explorer.cards.value
    assert found.sampler == name
    shown = {key: value for key, value in found.settings.items() if key in tuner.NAMES}
    assert shown
    assert all(f"<th>{tuner.NAMES[key]}</th><td>{value:,}</td>" in rows for key, value in shown.items())
    assert rows.count("<tr>") == len(shown) + 5
    explorer.close()


def test_a_pinned_suggestion_stays_next_to_the_new_one(explorer):
    explorer.pin.click()
    pinned, picture = explorer.tuned, explorer.png()
    explorer.budget.value = 0.3
    assert explorer.pinned is pinned
    assert explorer.tuned.suggestion.false_negative_rate > pinned.suggestion.false_negative_rate
    for found in (explorer.tuned, pinned):
        assert f"{found.suggestion.false_negative_rate:.1%} of at most {found.budget:.1%}" in explorer.cards.value
    assert explorer.png() != picture
    explorer.budget.value = 0.04
    assert explorer.tuned is pinned, "it is known"


def test_where_nothing_is_within_the_budget_the_advice_is_to_shuffle(explorer):
    explorer.budget.value = 0.001
    assert explorer.tuned.suggestion.settings == {}
    assert "Suggested ★: shuffle, batches of 32" in explorer.cards.value
    sampler = eval(explorer.tuned.suggestion.code, {"UniformBatchSampler": UniformBatchSampler, "dataset": POINTS})
    assert sampler.batch_size == 32


def test_pairs_and_embeddings_without_labels_are_estimated():
    targets = POINTS + 0.5 * RNG.normal(size=POINTS.shape)
    explorer = TunerExplorer(POINTS, items=TEXTS, targets=targets, target_items=TEXTS, **SETTINGS)
    assert explorer.tuned.suggestion.settings == suggested(0.04, 32, targets=targets, labels=None).settings
    assert explorer.tuned.suggestion.method == "positives"
    assert "estimated false negatives" in explorer.numbers.value
    explorer.close()
    assert TunerExplorer(POINTS, batch_size=32).tuned.suggestion.method == "clusters"


def test_the_newest_position_counts_and_what_is_measured_is_said(monkeypatch):
    begun, gate, measured = threading.Event(), threading.Event(), []

    def search(*arguments, max_false_negatives, **settings):
        begun.set()
        assert gate.wait(60)
        measured.append(max_false_negatives)
        return suggest_settings(*arguments, max_false_negatives=max_false_negatives, **settings)

    monkeypatch.setattr(tuner, "suggest_settings", search)

    async def session():
        explorer = TunerExplorer(POINTS, LABELS, **SETTINGS)
        assert "batches of 32 with at most 4.0% false negatives" in explorer.status.value
        assert explorer.pin.disabled
        assert begun.wait(60)
        for budget in (0.1, 0.2, 0.3):
            explorer.budget.value = budget
        assert "at most 30.0% false negatives" in explorer.status.value
        gate.set()
        for _ in range(600):
            if explorer.tuned is not None:
                break
            await asyncio.sleep(0.05)
        assert explorer.tuned.budget == 0.3
        assert (explorer.status.value, explorer.pin.disabled) == ("", False)
        assert measured == [0.04, 0.3], "one that was going on, and the newest"
        explorer.close()

    asyncio.run(session())


def test_an_error_is_shown(explorer, monkeypatch):
    monkeypatch.setattr(tuner, "suggest_settings", lambda *args, **kwargs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        explorer.budget.value = 0.123
    assert "ZeroDivisionError" in explorer.message.value
    assert explorer.status.value == ""
    monkeypatch.undo()
    explorer.budget.value = 0.04
    assert explorer.message.value == ""


def test_in_a_dashboard_it_measures_when_it_is_opened(monkeypatch):
    measured = []

    def search(*arguments, **settings):
        measured.append(settings)
        return suggest_settings(*arguments, **settings)

    monkeypatch.setattr(tuner, "suggest_settings", search)
    dashboard = Dashboard(POINTS, LABELS, projection="pca", batch_size=32)
    dashboard.hardness.batch_size.value = 16
    assert dashboard.tuner.batch_size.value == 16
    assert measured == []
    dashboard.tabs.selected_index = dashboard.tabs.titles.index("Tuner")
    assert len(measured) == 1
    assert dashboard.tuner.tuned.suggestion.batch_size == 16
    dashboard.tuner.budget.value = 0.2
    assert dashboard.false_negatives.budget.value == 0.2
    assert "Pairs" not in dashboard.tabs.titles
    dashboard.close()


def test_a_dashboard_of_pairs_shares_the_query_and_the_samplers():
    dashboard = Dashboard(POINTS, items=TEXTS, targets=POINTS[::-1].copy(), target_items=TEXTS, projection="pca")
    dashboard.graph.instance.value = 7
    assert dashboard.pairs.query.value == 7
    dashboard.hardness.restart.value = 0.7
    dashboard.tabs.selected_index = dashboard.tabs.titles.index("Pairs")
    assert dashboard.pairs.restart.value == 0.7
    assert dashboard.pairs.batches["Random walk"][0] == 7
    dashboard.hardness.samplers.value = ("Clusters",)
    assert dashboard.false_negatives.samplers.value == ("Clusters",)
    for index in range(len(dashboard.tabs.titles)):
        if dashboard.tabs.titles[index] != "Tuner":
            dashboard.tabs.selected_index = index
            assert dashboard.png().startswith(b"\x89PNG")
    dashboard.close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 401}, "batch_size must be between 2 and 400, got 401"),
        ({"max_false_negatives": 0}, r"max_false_negatives must be a number in \(0, 1\], got 0"),
        ({"items": TEXTS[1:]}, "items must hold one per instance"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        TunerExplorer(POINTS, **{"labels": LABELS} | arguments)
