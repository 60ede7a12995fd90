"""The page of results: as the stored runs have it, whoever wins."""

import shutil

import numpy as np
import pandas as pd
import pytest

from benchmarks import modality, results
from benchmarks.presets import RIVALS
from benchmarks.retrieval_rivals import DEVELOPMENT, best_trials
from toolkit.training.comparison import Comparison


def test_the_stored_page_is_that_of_the_stored_runs():
    assert results.PAGE.read_text("utf-8") == results.page(), "run `python -m benchmarks.results`"


def trained(values, seeds=4):
    """Return runs of rivals whose test results are near the given ones; of each sampler, the last trial is best."""
    stored = pd.read_csv(modality.RESULTS / "retrieval_rivals.csv").iloc[0].to_dict()
    rng, rows = np.random.default_rng(0), []
    for sampler, trials in RIVALS[32].items():
        for place, name in enumerate(trials):
            for seed in range(seeds):
                value = values.get(sampler, 0.1) + 0.001 * rng.normal()
                development = 0.1 + 0.01 * place * (seed == 0)
                rows.append(stored | {"sampler": name, "seed": seed, "value": value, DEVELOPMENT: development})
    return pd.DataFrame(rows)


@pytest.fixture
def page(tmp_path, monkeypatch):
    """Return a function that returns the page with other results of the rivals."""
    shutil.copytree(modality.RESULTS, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(results, "RESULTS", tmp_path)

    def make(runs):
        runs.to_csv(tmp_path / "retrieval_rivals.csv", index=False, na_rep="nan")
        return results.page()

    return make


def test_a_rival_that_beats_the_walk_is_named_first(page):
    text = page(trained({"cluster": 0.3, "random_walk": 0.2, "chain": 0.2}))
    first = next(line for line in text.splitlines() if line.startswith("- "))
    assert "**Ahead of them: Clusters +" in first
    assert "Tied with them: Chain " in first
    assert "Behind them: " in first.partition("Tied with them")[2]
    best = "| 1 | Clusters, cluster_size=8 | 3 | "
    assert best in text, "the tuning seed does not count"
    assert "| 2 to 3 | Random walk, n_candidates=1000, n_neighbors=50 | 3 | " in text


def test_the_walk_ahead_of_all_is_named_so(page):
    first = next(line for line in page(trained({"random_walk": 0.2})).splitlines() if line.startswith("- "))
    assert "None of the 7 others is ahead of them. Behind them: " in first
    assert "Tied" not in first


def test_one_seed_is_not_called_a_tie(page):
    first = next(line for line in page(trained({"random_walk": 0.2}, seeds=2)).splitlines() if line.startswith("- "))
    assert "Too few seeds to say: " in first
    assert "Tied" not in first


def test_samplers_without_all_trials_are_left_out_and_named(page):
    runs = trained({"random_walk": 0.2})
    few = runs[~runs.sampler.str.startswith("graph_partition_0")]
    assert "graph_partition" not in " ".join(best_trials(few))
    text = page(few)
    assert "Not finished yet: Graph parts." in text
    assert text.count("| Graph parts") == 1, "among the plans only"


def test_each_training_has_its_own_verdict_and_table(page):
    there = trained({"random_walk": 0.2})
    text = page(pd.concat([there, trained({"chain": 0.3, "random_walk": 0.2}).assign(set="code")]))
    first, second = [line for line in text.splitlines() if line.startswith("- ")][:2]
    assert first.startswith("- **From definition to word**")
    assert "None of the 7 others is ahead" in first
    assert second.startswith("- **From docstring to code**")
    assert "**Ahead of them: Chain +" in second
    assert text.count("| Chain, n_candidates=7680 | 3 | ") == 2


def test_a_training_without_tests_is_left_out(page):
    untested = trained({}, seeds=1).assign(set="code")
    assert page(pd.concat([trained({}), untested])) == page(trained({}))


def test_the_best_trial_is_chosen_by_development_queries_of_the_tuning_seed():
    runs = trained({})
    runs.loc[runs.seed > 0, DEVELOPMENT] = 1 - runs[DEVELOPMENT]
    runs["value"] = 1 - runs[DEVELOPMENT]
    assert best_trials(Comparison(runs).to_frame()) == [list(trials)[-1] for trials in RIVALS[32].values()]


def test_the_published_order_is_found_where_it_shows():
    columns = ["trial", "sampler", "percent", "percent_low", "percent_high"]
    rows = [
        *(("as published", "knn", -2.0, -3.0, -1.0), ("as published", "walk_10_5000", 2, 1, 3)),
        *(("by means only", "knn", -2, -5, 1), ("by means only", "walk_20_2000", 2, 1, 3)),
        *(("other", "knn", 1, 0, 2), ("other", "walk_20_2000", 2, 1, 3)),
    ]
    words = results.published_order(pd.DataFrame(rows, columns=columns).assign(runs=3))
    assert "on 2 of 3 tasks: as published (kNN -2.0 %" in words
    assert words.endswith("exclude zero: as published.")
