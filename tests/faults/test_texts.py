"""Hostile texts as labels, sentences and names: drawn and shown as they are, none read as markup or mathematics."""

import json
import re
import warnings
from pathlib import Path

import ipywidgets
import numpy as np
import pandas as pd
import pytest
from ipywidgets.widgets import widget
from matplotlib import pyplot as plt

from toolkit import ProximityGraph, explorers, plots
from toolkit.metrics import batch_hardness, false_negative_rate, hardest_pairs, same_label_edges
from toolkit.proximity import escape, trace_walk
from toolkit.training import History

CORPUS = (
    "<script>alert(1)</script>",
    '<img src=x onerror="alert(1)">',
    "\"'><svg/onload=alert(1)>",
    "</textarea></style></title><iframe srcdoc='<script>alert(1)</script>'>",
    "Shares rose from $5 to $7 in May.",
    r"$\frac{1 to 2$",
    r"back\slash \n \x \alpha",
    "\u202eright to left\u202c",
    "half a character \ud800",
    "tab\tand\nline\r\nend",
    "&amp; &lt;b&gt;",
    "{braces} {0} %s %(name)s",
    "zero\u200bwidth and null\x00",
    "鱼在水里游来游去",
    "🙂👩‍👩‍👧",
    "",
    "word" * 3_000,  # wider than 2**16 pixels
)
MARKUP = re.compile(r"<(script|img src=x|svg/onload|iframe|/textarea)", re.IGNORECASE)
N = 4 * len(CORPUS)
TEXTS = [CORPUS[i % len(CORPUS)] for i in range(N)]
POINTS = np.random.default_rng(0).normal(size=(N, 8)) + 2 * np.eye(8)[np.arange(N) % 8]
PICTURES = plots.Thumbnails(TEXTS)
GRAPH = ProximityGraph.build(POINTS, n_candidates=30, n_neighbors=5)
BATCHES = [range(i, i + 17) for i in range(0, N, 17)]
GAINS = pd.DataFrame({"percent": [1.0, 2.0, 3.0, 4.0], "percent_low": 0.5, "percent_high": 5.0})
JS = Path(explorers.__file__).parent / "js"
ON_MAPS = {"columns": dict.fromkeys(CORPUS[:3], TEXTS), "projection": "pca"}
KINDS = {
    "CompareExplorer": {"other": POINTS, "names": CORPUS[:2], **ON_MAPS},
    "Dashboard": ON_MAPS,
    "EmbeddingExplorer": ON_MAPS,
    "FalseNegativeExplorer": {},
    "HardnessExplorer": {},
    "PairExplorer": {"targets": POINTS[::-1].copy(), "target_items": TEXTS},
    "ProximityGraphExplorer": ON_MAPS,
    "SelectionExplorer": {"selection": range(20)},
    "SentenceExplorer": {},
    "TunerExplorer": {"batch_size": 16},
    "WalkPlayer": ON_MAPS,
}


def history():
    made = History(steps=2)
    for values in made.columns.values():
        values.extend([0.5, 0.25])
    return made


def labels(texts):
    """Return hostile labels of all instances."""
    return [texts[i % len(texts)] for i in range(N)]


PLOTS = {
    "map": lambda texts: plots.embedding_map(POINTS[:, :2], labels=labels(texts), title=""),
    "neighborhood": lambda texts: plots.neighborhood(POINTS[:, :2], GRAPH, 3, labels=labels(texts)),
    "walk": lambda texts: plots.walk(POINTS[:, :2], trace_walk(GRAPH, 0, 8), labels=labels(texts)),
    "grid": lambda texts: plots.thumbnail_grid(plots.Thumbnails(texts), range(len(texts)), captions=texts),
    "batches": lambda texts: plots.batch_grid(
        dict.fromkeys(texts, range(8)), TEXTS, np.arange(N) % len(texts), classes=texts
    ),
    "sentences": lambda texts: plots.batch_sentences(dict.fromkeys(texts, range(8)), labels(texts), np.zeros(N, int)),
    "pairs": lambda texts: plots.pairs(hardest_pairs(BATCHES, POINTS), PICTURES, labels=labels(texts)),
    "hardness": lambda texts: plots.hardness(dict.fromkeys([*texts, "Uniform"], batch_hardness(BATCHES, POINTS))),
    "false negatives": lambda texts: plots.false_negatives(dict.fromkeys(texts, false_negative_rate(BATCHES, TEXTS))),
    "same label": lambda texts: plots.same_label(dict.fromkeys(texts, same_label_edges(GRAPH, TEXTS))),
    "escape": lambda texts: plots.escape(escape(GRAPH, np.arange(N) < 30), 0, measured=dict.fromkeys(texts, 0.2)),
    "training": lambda texts: plots.training(dict.fromkeys(texts, history())),
    "panels": lambda texts: plots.training_panels(dict.fromkeys(texts, history())),
    "gains": lambda texts: plots.gain_map(GAINS[: len(texts)].assign(a=texts, b=texts), "a", "b"),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("plot", PLOTS)
def test_plots_draw_any_text(plot, tally):
    """Draw four texts at a time: a figure takes longer than its texts."""
    corpus = [text for text in CORPUS if plot != "gains" or "\ud800" not in text]  # pandas itself refuses that one
    for first in range(0, len(corpus), 4):
        PLOTS[plot](list(corpus[first : first + 4]))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*(layout|Glyph|Matplotlib currently does not support).*")
            plt.gcf().canvas.draw()
        plt.close("all")
    tally("hostile texts in plots", drawn_verbatim=len(CORPUS))


@pytest.mark.parametrize("kind", KINDS)
def test_explorers_show_any_text(kind, tally):
    before = set(widget._instances)
    explorer = getattr(explorers, kind)(POINTS, labels=TEXTS, items=TEXTS, **KINDS[kind])
    shown = [each for key, each in widget._instances.items() if key not in before]
    check_widgets(shown)
    if "projection" in KINDS[kind]:
        assert len(explorer.frame()) == N
    explorer.close()
    tally("hostile texts in explorers", shown_verbatim=len(CORPUS))


@pytest.mark.filterwarnings("ignore")
def test_the_monitor_shows_any_name():
    before = set(widget._instances)
    explorers.TrainingMonitor({text or "empty": history() for text in CORPUS})
    check_widgets([each for key, each in widget._instances.items() if key not in before])


def check_widgets(shown):
    """Assert that no HTML holds the corpus' markup, and that all states can be sent to a browser."""
    assert shown
    for each in shown:
        state = {name: value for name, value in each.get_state().items() if isinstance(value, (str, list, dict))}
        json.dumps(state, default=str).encode()
        markup = [value for value in strings(state) if isinstance(each, (ipywidgets.HTML, ipywidgets.HTMLMath))]
        assert not [value for value in markup if MARKUP.search(value)]


def strings(state):
    """Yield all strings of a widget's state."""
    if isinstance(state, str):
        yield state
    elif isinstance(state, dict):
        for value in state.values():
            yield from strings(value)
    elif isinstance(state, list):
        for value in state:
            yield from strings(value)


@pytest.mark.parametrize("path", sorted(JS.glob("*.js")), ids=lambda path: path.name)
def test_scripts_make_no_markup_of_texts_and_no_requests(path):
    code = path.read_text()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|fetch\(", code)
    assert not re.search(r"https?://(?!www\.w3\.org/)", code)
