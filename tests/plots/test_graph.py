"""Figures of pairs and of K / M against the class prior, by the data of their artists."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from figures import make_history, texts
from matplotlib.colors import to_hex

from toolkit import plots
from toolkit.metrics import Frontier
from toolkit.plots.style import COLORS, FALSE_NEGATIVE
from toolkit.plots.thumbnails import Thumbnails

IMAGES = np.random.default_rng(0).integers(0, 256, (9, 6, 6), dtype=np.uint8)
LABELS = np.array(["cat", "dog", "eel"])[np.arange(9) % 3]
PAIRS = pd.DataFrame(
    {"first": [0, 1, 2], "second": [3, 5, 8], "similarity": [0.91, 0.8, 0.7], "same_label": [True, False, True]}
)


def test_pairs_shows_both_members_labels_and_similarity():
    ax = plots.pairs(PAIRS, Thumbnails(IMAGES), LABELS, columns=2)
    shown = [image.get_array() for image in ax.images]
    expected = [Thumbnails(IMAGES).pixels(i) for i in (0, 3, 1, 5, 2, 8)]
    assert all((a == b).all() for a, b in zip(shown, expected, strict=True))
    assert texts(ax) == [
        *("cat", "cat", "0.91, false negative"),
        *("dog", "eel", "0.80"),
        *("eel", "eel", "0.70, false negative"),
    ]
    framed = [to_hex(box.get_edgecolor()).upper() == FALSE_NEGATIVE for box in ax.patches]
    assert framed == [True, False, True]
    corners = [box.get_xy() for box in ax.patches]
    assert corners[0][1] == corners[1][1] < corners[2][1], "two in a row"


def test_pairs_without_labels_are_named_by_number():
    ax = plots.pairs(PAIRS.drop(columns="same_label").head(1), Thumbnails(IMAGES))
    assert texts(ax) == ["#0", "#3", "0.91"]
    assert len(plots.pairs(PAIRS.head(0), Thumbnails(IMAGES)).images) == 0


def make_points(rates):
    walks = {"sampler": "Random walk", "n_neighbors": [200, 10, 100], "n_candidates": 1000, "restart": 0.2}
    points = pd.DataFrame(walks | {"false_negative_rate": rates, "false_negative_half": [0.01, 0.03, 0.02]})
    uniform = pd.DataFrame([{"sampler": "Uniform", "false_negative_rate": 0.1}])
    return Frontier(pd.concat([uniform, points]).assign(prior=0.1))


def test_false_negatives_by_ratio_draws_the_rate_over_k_by_m_and_states_the_cost():
    ax = plots.false_negatives_by_ratio(make_points([0.15, 0.4, 0.25]))
    line = ax.lines[0]
    assert line.get_xdata() == pytest.approx([0.01, 0.1, 0.2])
    assert line.get_ydata() == pytest.approx([0.4, 0.25, 0.15])
    assert line.get_color() == COLORS["Random walk"]
    (bars,) = [part for part in ax.collections if len(part.get_segments()) == 3]
    assert np.ptp(np.array(bars.get_segments())[:, :, 1], axis=1) == pytest.approx([0.06, 0.04, 0.02])
    assert ax.get_title(loc="left") == "At K / M of twice the class prior: 1.5 × chance"
    assert set(texts(ax)) == {"K / M = class prior", "chance 10.0%"}
    assert ax.get_xscale() == "log"


def test_settings_of_matplotlib_stay():
    before = dict(mpl.rcParams)
    plots.pairs(PAIRS, Thumbnails(IMAGES))
    plots.false_negatives_by_ratio(make_points([0.1, 0.2, 0.3]))
    plots.training_panels({"Uniform": make_history()})
    assert dict(mpl.rcParams) == before
