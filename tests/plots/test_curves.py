"""Learning curves and the map of gains, by the data of their artists."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from toolkit import plots
from toolkit.plots.style import COLORS
from toolkit.training.comparison import Comparison

GAINS = {"uniform": (0.1, 0.2, 0.21), "random_walk": (0.15, 0.25, 0.3), "knn": (0.05, 0.1, 0.15)}


@pytest.fixture
def compared():
    rows = []
    for seed in range(3):
        for name, curve in GAINS.items():
            row = {"set": "a", "model": "b", "settings": "", "loss": "infonce", "sampler": name, "seed": seed}
            row |= {"steps": 300, "metric": "MRR@10", "value": curve[-1]}
            for i, value in enumerate(curve):
                row |= {f"curve@{100 * (i + 1)}": value + 0.001 * seed, f"seconds@{100 * (i + 1)}": 2.0 * (i + 1)}
            rows.append(row)
    return Comparison(pd.DataFrame(rows))


@pytest.mark.parametrize(("over", "x"), [("step", [100, 200, 300]), ("seconds", [2, 4, 6])])
def test_curves_are_means_over_seeds(compared, over, x):
    ax = plots.learning_curves(compared, over)
    drawn = {line.get_color(): line for line in ax.lines[1:]}
    for name, label in (("uniform", "Uniform"), ("random_walk", "Random walk"), ("knn", "kNN")):
        line = drawn[COLORS[label]]
        assert line.get_xdata().tolist() == x
        np.testing.assert_allclose(line.get_ydata(), np.array(GAINS[name]) + 0.001)
    assert ax.lines[0].get_ydata() == pytest.approx([0.211, 0.211])  # the best of uniform
    names = [text.get_text() for text in ax.texts]
    assert sorted(names) == ["Random walk", "Uniform", "kNN"]


def test_the_title_says_how_soon(compared):
    title = plots.learning_curves(compared).get_title(loc="left").split("\n")
    # On the line from .15 (or .151, ...) at 100 to .25 at 200, uniform's .21 is at 160 of its 300 steps.
    assert "Random walk reaches the best of uniform batches in 53% of the steps" in title
    assert "kNN reaches the best of uniform batches in 0 of 3 runs" in title


def test_curves_refuse_results_without_them(compared):
    frame = compared.to_frame()
    with pytest.raises(ValueError, match="needs results with curves"):
        plots.learning_curves(Comparison(frame[[name for name in frame if "@" not in name]]))
    with pytest.raises(ValueError, match="over must be one of"):
        plots.learning_curves(compared, over="epoch")


def test_map_colours_what_is_clear():
    cells = pd.DataFrame(
        [(8, "0.2 %", 30.0, 25.0, 35.0), (8, "10 %", 1.0, -2.0, 4.0), (512, "0.2 %", -10.0, -12.0, -8.0)],
        columns=["batch size", "K / M", "percent", "percent_low", "percent_high"],
    )
    ax = plots.gain_map(cells, "batch size", "K / M")
    gain, unclear, loss = (patch.get_facecolor() for patch in ax.patches)
    assert to_hex(gain) == plots.curves.GAIN.lower()
    assert to_hex(unclear) == plots.curves.PALE.lower()
    assert loss[0] > loss[2]  # more red than blue
    assert [text.get_text().split("\n")[0] for text in ax.texts] == ["+30.0", "+1.0", "−10.0"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["8", "512"]
    with pytest.raises(ValueError, match=r"once, got \w+ and .+ again: select one row"):
        plots.gain_map(pd.concat([cells, cells]), "batch size", "K / M")


@pytest.mark.parametrize("name", ["set", "model", "loss", "steps", "settings"])
def test_curves_of_different_trainings_are_not_averaged(compared, name):
    frame = compared.to_frame()
    both = Comparison(pd.concat([frame, frame.assign(**{name: 200 if name == "steps" else "other"})]))
    with pytest.raises(ValueError, match=f"got several of {name}: choose"):
        plots.learning_curves(both)
