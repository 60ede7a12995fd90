"""The sentence explorer by its traits and lists, and the figure that pages without scripts show by its texts."""

import base64
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from toolkit import plots
from toolkit.explorers import SentenceExplorer, walking
from toolkit.explorers import sentences as module
from toolkit.metrics import batch_hardness, false_negative_rate
from toolkit.plots.style import FALSE_NEGATIVE, INK
from toolkit.samplers import SideBySide
from toolkit.samplers.registry import defaults

RNG = np.random.default_rng(0)
CLASSES = np.array(["cat", "dog", "fish", "bird", "ant"])
LABELS = RNG.permutation(np.arange(400) % 5)
POINTS = RNG.normal(size=(5, 16))[LABELS] + RNG.normal(size=(400, 16))
NAMES = CLASSES[LABELS]
TEXTS = [f"number {i}, a {name}" for i, name in enumerate(NAMES)]
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def explorer():
    explorer = SentenceExplorer(POINTS, NAMES, TEXTS)
    explorer.batch_size.value = 32
    return explorer


def texts_of(axes):
    return [text.get_text() for text in axes.texts]


def lists_of(explorer):
    """Return the look, sentence and note of each entry in the lists that are shown, by their names."""
    page = ElementTree.fromstring(f"<div>{explorer.columns.value}</div>")
    return {
        each.get("aria-label"): [(entry.get("class"), *entry.itertext()) for entry in each] for each in page.iter("ol")
    }


# The figure


def test_columns_hold_the_first_members_in_order():
    batches = {"Uniform": [3, 1, 2, 9, 8], "kNN": np.array([7, 6])}
    axes = plots.batch_sentences(batches, TEXTS, NAMES, n_shown=4)
    assert [ax.get_title(loc="left") for ax in axes] == ["Uniform", "kNN"]
    assert texts_of(axes[0])[::2] == [TEXTS[i] for i in (3, 1, 2, 9)]
    assert texts_of(axes[0])[1::2] == [NAMES[i] for i in (3, 1, 2, 9)]
    assert texts_of(axes[1])[::2] == [TEXTS[i] for i in (7, 6)]
    plt.close("all")


def test_false_negatives_of_the_first_member_are_vermillion():
    first = 0
    same = [i for i in range(1, 400) if LABELS[i] == LABELS[first]][:2]
    other = [i for i in range(1, 400) if LABELS[i] != LABELS[first]][:2]
    (ax,) = plots.batch_sentences({"Random walk": [first, *same, *other]}, TEXTS, NAMES)
    colors = [text.get_color() for text in ax.texts[::2]]
    assert colors == [INK, FALSE_NEGATIVE, FALSE_NEGATIVE, INK, INK]
    assert ax.texts[0].get_weight() == "bold"
    assert "Vermillion" in ax.figure.get_suptitle()
    (bare,) = plots.batch_sentences({"Random walk": [first, *same]}, TEXTS)
    assert {text.get_color() for text in bare.texts} == {INK}
    assert "Vermillion" not in bare.figure.get_suptitle()
    plt.close("all")


def test_missing_labels_are_named_and_never_false_negatives():
    labels = [None, None, "cat", float("nan")]
    (ax,) = plots.batch_sentences({"Random walk": [0, 1, 2, 3]}, TEXTS, labels)
    assert texts_of(ax)[1::2] == ["no label", "no label", "cat", "no label"]
    assert {text.get_color() for text in ax.texts} == {INK}


def test_long_sentences_are_cut_to_two_lines():
    (ax,) = plots.batch_sentences({"kNN": [0]}, ["word " * 200])
    (text,) = texts_of(ax)
    assert text.count("\n") == 1
    assert text.endswith("…")
    plt.close("all")


# The explorer


def test_shows_one_batch_of_each_sampler(explorer):
    assert set(explorer.batches) == {kind.label for kind in defaults().values()}
    for batch in explorer.batches.values():
        assert len(set(np.asarray(batch).tolist())) == 32
    knn, walk = (batch_hardness([explorer.batches[name]], POINTS).value for name in ("kNN", "Random walk"))
    assert knn > walk


def test_lists_hold_the_first_members_and_mark_false_negatives(explorer):
    explorer.batch.value = 3
    shown = lists_of(explorer)
    assert list(shown) == list(explorer.batches)
    for name, batch in explorer.batches.items():
        first, *others = batch[: module.N_SHOWN].tolist()
        expected = [("tk-first", TEXTS[first], NAMES[first])]
        for i in others:
            if LABELS[i] == LABELS[first]:
                expected.append(("tk-false", TEXTS[i], f"{NAMES[i]} · false negative"))
            else:
                expected.append(("", TEXTS[i], NAMES[i]))
        assert shown[name] == expected
    looks = {look for entries in shown.values() for look, *_ in entries}
    assert looks == {"tk-first", "tk-false", ""}
    assert "Vermillion: false negative" in explorer.columns.value


def test_instances_without_a_label_are_never_false_negatives():
    labels = [None if i % 2 else "cat" for i in range(400)]
    shown = lists_of(SentenceExplorer(POINTS, labels, TEXTS, batch_size=32))
    entries = [entry for each in shown.values() for entry in each[1:]]
    notes = {note for _, _, note in entries}
    assert {"no label", "cat"} <= notes <= {"no label", "cat", "cat · false negative"}
    assert all((look == "tk-false") == note.endswith("false negative") for look, _, note in entries)


def test_a_step_draws_no_figure(explorer, monkeypatch):
    monkeypatch.setattr(module.plots, "batch_sentences", None)
    before = lists_of(explorer)
    explorer.restart.value, explorer.batch.value = 0.9, 2
    assert lists_of(explorer) != before


def test_the_picture_holds_the_batches_that_are_shown(explorer, monkeypatch):
    drawn = []
    monkeypatch.setattr(module.plots, "batch_sentences", lambda batches, texts, *_: drawn.append((batches, texts)))
    explorer.batch.value = 2
    explorer.svg()
    ((batches, texts),) = drawn
    assert batches is explorer.batches
    for name, entries in lists_of(explorer).items():
        assert [texts[i] for i in batches[name][: module.N_SHOWN].tolist()] == [text for _, text, _ in entries]


def test_the_restart_slider_refills_the_walks_batch(explorer):
    before, picture = explorer.batches, explorer.png()
    explorer.restart.value = 0.9
    after = explorer.batches
    assert set(after["Random walk"]) != set(before["Random walk"])
    assert after["Random walk"][0] == before["Random walk"][0], "from the same start"
    for name in ("Uniform", "kNN"):
        np.testing.assert_array_equal(after[name], before[name])
    assert explorer.png() != picture


def test_numbers_are_those_of_the_metrics(explorer):
    walks, _ = explorer._samples.walks(**explorer.controls.settings)
    assert explorer.hardness.value == pytest.approx(batch_hardness(walks, POINTS).value)
    assert explorer.false_negatives.value == pytest.approx(false_negative_rate(walks, NAMES).value)
    assert f"{explorer.hardness.value:.3f}" in explorer.numbers.value
    assert f"{explorer.false_negatives.value:.1%}" in explorer.numbers.value


def test_the_batch_slider_shows_another_and_stays_in_range(explorer):
    before = explorer.batches
    explorer.batch.value = 2
    assert explorer.batches["Random walk"][0] != before["Random walk"][0]
    explorer.batch.value = explorer.batch.max
    explorer.batch_size.value = 128
    assert explorer.batch.value <= explorer.batch.max == 3
    assert len(explorer.batches["Uniform"]) == 128


def test_without_labels(explorer):
    bare = SentenceExplorer(POINTS, items=TEXTS)
    counter = SideBySide(POINTS).counter
    assert bare.false_negatives.values.tolist() == counter.rates(list(bare._found.batches)).tolist()
    assert {(look, len(words)) for each in lists_of(bare).values() for look, *words in each} == {
        ("tk-first", 1),
        ("", 1),
    }
    assert "ermillion" not in bare.columns.value
    assert f"estimated false negatives <b>{bare.false_negatives.value:.1%}</b>" in bare.numbers.value
    assert repr(bare) == "SentenceExplorer(n=400, labels=False)"


def test_sentences_may_be_a_pandas_series():
    series = pd.Series(TEXTS, index=range(1, 401))
    first, second = (SentenceExplorer(POINTS, NAMES, items, batch_size=32) for items in (TEXTS, series))
    assert first.png() == second.png()


def test_page_without_scripts_gets_the_picture(explorer):
    assert base64.b64decode(explorer._repr_mimebundle_()["image/png"]) == explorer.png()
    assert explorer.png()[:8] == PNG


def test_error_is_shown_and_raised(explorer, monkeypatch):
    picture, shown = explorer.png(), explorer.columns.value

    def fail(*args, **kwargs):
        raise RuntimeError("no <ink>")

    monkeypatch.setattr(walking, "batch_hardness", fail)
    with pytest.raises(RuntimeError, match="no <ink>"):
        explorer.restart.value = 0.7
    assert explorer.message.value == "<b>RuntimeError</b>: no &lt;ink&gt;"
    assert (explorer.png(), explorer.columns.value) == (picture, shown)
    monkeypatch.undo()
    explorer.batch.value = 2
    assert explorer.message.value == ""


def test_no_figure_is_left_in_pyplot(explorer):
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("texts", "exception", "message"),
    [
        (TEXTS[1:], ValueError, r"items must hold one per instance \(400\), got 399"),
        ([*TEXTS[:-1], 7], TypeError, "items must all be strings as the first one is, got int at index 399"),
        ("a sentence", TypeError, "items must hold one item per instance, got a single str"),
        (np.zeros((400, 8, 8)), TypeError, "items of SentenceExplorer must be of the kind text, got image"),
        (None, TypeError, "items of SentenceExplorer must be of the kind text, got none"),
    ],
)
def test_bad_texts_are_named(texts, exception, message):
    with pytest.raises(exception, match=message):
        SentenceExplorer(POINTS, items=texts)
