"""The benchmark of graph data sets, on a small set."""

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks import graphs as benchmark
from benchmarks import modality, report
from benchmarks.presets import GRAPHS, GraphPreset, GraphRun
from benchmarks.published_graphs import PUBLISHED, SETS
from toolkit.datasets import graphs
from toolkit.evaluation import svm
from toolkit.training.comparison import Comparison


@pytest.fixture
def root(tmp_path):
    """Write a set of 40 paths and rings, in two classes."""
    folder = tmp_path / "graphs" / "MUTAG" / "raw"
    folder.mkdir(parents=True)
    edges, nodes = [], []
    for graph in range(40):
        size, first = 5 + graph % 4, len(nodes) + 1
        nodes += [graph + 1] * size
        pairs = [(first + i, first + i + 1) for i in range(size - 1)]
        pairs += [(first, first + size - 1)] if graph % 2 else []
        edges += [line for a, b in pairs for line in (f"{a}, {b}", f"{b}, {a}")]
    labels = [graph % 2 for graph in range(40)]
    for part, lines in (("A", edges), ("graph_indicator", nodes), ("graph_labels", labels)):
        (folder / f"MUTAG_{part}.txt").write_text("\n".join(map(str, lines)) + "\n")
    return tmp_path


@pytest.fixture
def run(root, monkeypatch):
    """Return a function that runs the command on the small set and returns its table."""
    monkeypatch.setitem(GRAPHS, "cpu-minute", small_preset())
    for name, fewer in {"FOLDS": 3, "INNER_FOLDS": 2, "PENALTIES": (0.1, 1.0)}.items():
        monkeypatch.setattr(svm, name, fewer)
    out = root / "results.csv"

    def command(*arguments):
        options = ["--data", str(root), "--sets", "MUTAG", "--preset", "cpu-minute", "--out", str(out)]
        modality.main(benchmark.MODALITY, "", [*options, *arguments])
        return pd.read_csv(out)

    return command


def small_preset():
    small = {"epochs": 2, "batch_size": 16, "learning_rate": 0.01, "width": 4, "n_layers": 2}
    return GraphPreset(GraphRun(**small), GraphRun(**small), seeds=(0,))


def test_every_cell_is_run_once_and_stands_beside_the_published_one(run, capsys):
    rows = run()
    trained = rows[rows.sampler != "untrained"]
    assert len(trained[trained.model == "graphcl"]) == 4 * 3
    for model in ("mvgrl", "mvgrl_heads"):
        assert sorted(trained[trained.model == model].sampler) == ["knn", "random_walk", "uniform"]
        assert set(trained[trained.model == model].loss) == {"jsd"}
    assert set(trained.steps) == {2 * 3}, "two epochs of 40 graphs, the last batch smaller"
    assert trained.value.between(0, 1).all()
    assert trained.linear.between(0, 1).all()
    assert set(rows.metric) == {"SVM"}
    text = capsys.readouterr().out
    assert "| MUTAG | graphcl, InfoNCE | Uniform fixed |" in text
    assert "| 86.80 ± 1.34 |" in text
    assert "| MUTAG | mvgrl | Random walk |" in text
    assert "| MUTAG | mvgrl_heads | Random walk |" in text
    before = len(rows)
    assert len(run()) == before, "finished runs are not repeated"


def test_a_stopped_table_goes_on_where_it_was(run, monkeypatch):
    evaluate, calls = benchmark.svm_accuracy, []

    def stop_at_third(*arguments):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return evaluate(*arguments)

    monkeypatch.setattr(benchmark, "svm_accuracy", stop_at_third)
    with pytest.raises(KeyboardInterrupt):
        run("--models", "graphcl", "--losses", "infonce")
    rows = run("--models", "graphcl", "--losses", "infonce")
    assert len(rows) == 5
    assert len(calls) == 6, "two before the stop, the third again, two more"


def test_heads_alone_are_trained_where_the_name_says_so(root):
    for model, encoders_move in {"mvgrl": True, "mvgrl_heads": False}.items():
        task = benchmark.make_task("MUTAG", model, small_preset(), root)
        network = task.make_model("jsd")
        before = {name: value.clone() for name, value in network.state_dict().items()}
        optimizer, _ = task.make_optimizer(network)
        network(task.dataset.batch(range(8)))[0].backward()
        optimizer.step()
        moved = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
        assert any(name.startswith("graph_head") for name in moved)
        assert any(name.startswith("encoders") for name in moved) == encoders_move


def test_fixed_batches_are_the_same_in_every_epoch():
    sampler = benchmark.FixedBatchSampler(40, 16, seed=3)
    first, second = list(sampler), list(sampler)
    assert first == second
    assert [len(batch) for batch in first] == [16, 16, 8] == [len(batch) for batch in second]
    assert sorted(index for batch in first for index in batch) == list(range(40))
    assert list(benchmark.FixedBatchSampler(40, 16, seed=4)) != first
    assert [len(batch) for batch in benchmark.FixedBatchSampler(33, 16)] == [16, 16], "a graph alone has no negatives"


def test_published_figures_are_complete():
    assert len(PUBLISHED) == 12
    assert all(set(row) == set(SETS) for (name, _), row in PUBLISHED.items() if name != "mvgrl")
    assert PUBLISHED["infonce", "random_walk"]["NCI1"] == (78.93, 0.38)
    assert PUBLISHED["mvgrl", "random_walk"]["IMDB-BINARY"] == (76.70, 0.35)


def test_readme_has_a_place_for_the_table():
    text = report.README.read_text()
    assert text.count("<!-- graphs: begin -->") == text.count("<!-- graphs: end -->") == 1


def test_results_of_one_run_have_no_deviation():
    row = {"set": "MUTAG", "model": "graphcl", "loss": "dcl", "settings": "", "sampler": "knn", "seed": 0, "steps": 1}
    row |= {"metric": "SVM", "value": 0.5, "seconds": 1.0, "sampler_seconds": 0.1}
    row |= {"false_negative_rate": 0.5, "hardness": 0.1}
    text = benchmark.beside_published(Comparison(pd.DataFrame([row])))
    assert text.splitlines()[-1] == "| MUTAG | graphcl, DCL | kNN | 50.00 | 87.13 ± 1.40 | 1 |"


def test_folds_follow_the_seed_of_the_run():
    data = graphs.bundled()
    few = graphs.Graphs(data.graphs[:60], np.arange(60) % 2, ("a", "b"))
    torch.manual_seed(0)
    model = benchmark.GraphCL(benchmark.GIN(few.n_features))
    values = []
    for seed in (0, 1, 0):
        torch.manual_seed(seed)
        values.append(benchmark.evaluate(few, "rbf", model)["SVM"])
    assert values[0] == values[2] != values[1]
