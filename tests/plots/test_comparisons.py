"""The figure of a comparison, by the data of its artists."""

import numpy as np
import pandas as pd
import pytest

from toolkit import plots
from toolkit.plots.style import COLORS
from toolkit.training.comparison import Comparison


@pytest.fixture
def compared():
    rng = np.random.default_rng(0)
    rows = []
    for loss in ("infonce", "dcl"):
        for seed in range(4):
            base = rng.normal(0.8, 0.02)
            for name, shift in (("uniform", 0), ("knn", -0.05), ("random_walk", 0.0)):
                value = base + shift + rng.normal(0, 0.002)
                row = {"set": "a", "model": "b", "settings": "", "loss": loss, "sampler": name, "seed": seed}
                rows.append(row | {"steps": 5, "metric": "kNN probe", "value": value})
    return Comparison(pd.DataFrame(rows))


def test_comparison_draws_means_intervals_and_seeds(compared):
    ax = plots.comparison(compared)
    table = compared.differences()
    diamonds = [line for line in ax.lines if line.get_marker() == "D"]
    assert [line.get_xdata()[0] for line in diamonds] == pytest.approx(100 * table.difference)
    colors = [COLORS["kNN"] if name == "knn" else COLORS["Random walk"] for name in table.sampler]
    assert [line.get_color() for line in diamonds] == colors
    bars = [line.get_xdata() for line in ax.lines if line.get_linewidth() == 2.5]
    np.testing.assert_allclose(bars, 100 * table[["low", "high"]].to_numpy())
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    means = [line.get_xdata().mean() for line in dots]
    assert means == pytest.approx(100 * table.difference)
    assert [len(line.get_xdata()) for line in dots] == [4] * 4
    assert [label.get_text() for label in ax.get_yticklabels()] == ["InfoNCE", "DCL"]


def test_comparison_states_what_the_intervals_say(compared):
    title = plots.comparison(compared).get_title(loc="left")
    assert title == "kNN: below uniform with 2 of 2 losses\nRandom walk: no clear difference from uniform"


def test_comparison_of_several_sets_is_refused(compared):
    frame = compared.to_frame().copy()
    frame.loc[0, "set"] = "other"
    with pytest.raises(ValueError, match="got several of set: choose"):
        plots.comparison(Comparison(frame))
