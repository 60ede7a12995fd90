"""Samplers in order: places follow from paired intervals."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel

from benchmarks.ranking import against, ranked, ranking_table
from toolkit.training.comparison import Comparison

OFFSETS = {"uniform": 0.0, "good": 0.05, "as good": 0.0502, "bad": -0.05}


def runs(seeds=range(5), noise=0.001, **more):
    """Return runs of four samplers, of which two differ by less than the noise."""
    rng = np.random.default_rng(0)
    shared = {seed: 0.2 + 0.01 * rng.normal() for seed in seeds}
    rows = []
    for sampler, offset in OFFSETS.items():
        for seed in seeds:
            row = {"set": "a", "model": "m", "loss": "infonce", "settings": "s", "steps": 10, "metric": "MRR@10"} | more
            row |= {"sampler": sampler, "seed": seed, "value": shared[seed] + offset + noise * rng.normal()}
            row |= {"hardness": 0.1, "false_negative_rate": 0.0, "seconds": 10.0, "sampler_seconds": 1.0}
            rows.append(row)
    return pd.DataFrame(rows)


def test_places_are_open_between_samplers_whose_paired_interval_includes_zero():
    frame = runs()
    wide = frame.pivot(index="seed", columns="sampler", values="value")
    assert ttest_rel(wide["good"], wide["as good"]).pvalue > 0.05
    assert ttest_rel(wide["good"], wide["uniform"]).pvalue < 0.001
    found = ranked(Comparison(frame)).set_index("sampler")
    assert found["first"].to_dict() == {"good": 1, "as good": 1, "uniform": 3, "bad": 4}
    assert found["last"].to_dict() == {"good": 2, "as good": 2, "uniform": 3, "bad": 4}
    assert list(found.index[2:]) == ["uniform", "bad"]
    assert list(found.percent.dropna()) == sorted(found.percent.dropna(), reverse=True)


def test_a_single_seed_leaves_every_place_open():
    found = ranked(Comparison(runs(seeds=[0])))
    assert set(found["first"]) == {1}
    assert set(found["last"]) == {4}


def test_samplers_are_compared_on_common_seeds_only():
    frame = runs()
    frame = frame[(frame.sampler != "bad") | (frame.seed == 0)]
    found = ranked(Comparison(frame)).set_index("sampler")
    assert (found["first"]["bad"], found["last"]["bad"]) == (1, 4)
    assert found["last"]["uniform"] == 4


def test_several_trainings_are_refused():
    both = pd.concat([runs(), runs(steps=20)])
    with pytest.raises(ValueError, match="must be of one training, got 2"):
        ranked(Comparison(both))


def test_others_are_ahead_tied_behind_or_not_known():
    found = against(Comparison(runs()), "good")
    assert {place: list(pairs.sampler) for place, pairs in found.items()} == {
        "ahead": [],
        "tied": ["as good"],
        "behind": ["uniform", "bad"],
        "not known": [],
    }
    assert list(against(Comparison(runs()), "uniform")["ahead"].sampler) == ["as good", "good"]
    assert len(against(Comparison(runs(seeds=[0])), "good")["not known"]) == 3


def test_the_table_names_places_and_gains():
    lines = ranking_table(Comparison(runs()), str.capitalize).splitlines()
    assert lines[0].startswith("| rank | sampler | seeds | MRR@10 | gain over a shuffle |")
    assert {line.split(" | ")[0] for line in lines[2:4]} == {"| 1 to 2"}
    assert lines[4].startswith("| 3 | Uniform | 5 | ")
    assert lines[5].startswith("| 4 | Bad | 5 | ")
    assert lines[5].endswith("| 0.100 | 10% |")
    assert ranking_table(Comparison(runs().iloc[:0]), str) == ""
