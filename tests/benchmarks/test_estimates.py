"""The table of estimated false negatives, on a small set that is made up here."""

import numpy as np
import pytest
import torch

from benchmarks import estimates, report


def clustered():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 30, 1200)
    queries = torch.from_numpy(rng.normal(size=(30, 16))[labels] + 0.5 * rng.normal(size=(1200, 16))).float()
    return queries, queries + 0.1 * torch.randn(1200, 16), labels


@pytest.fixture
def readme(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "README", tmp_path / "README.md")
    monkeypatch.setattr(estimates, "SETS", {"made up": clustered, "again": clustered})
    report.README.write_text("Before.\n<!-- estimates: begin -->\nold\n<!-- estimates: end -->\nAfter.\n")
    threads = torch.get_num_threads()
    yield report.README
    torch.set_num_threads(threads)


def test_all_sets_fill_the_table(readme, capsys):
    estimates.main(["--batch-sizes", "8", "32"])
    lines = [line for line in readme.read_text().splitlines() if line.startswith("|")]
    assert len(lines) == 2 + 2 * 2 * 2
    head, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in [lines[0], *lines[2:]])
    for row in rows:
        found = dict(zip(head, row, strict=True))
        assert found["set"] in ("made up", "again")
        assert 0 < float(found["true rate"]) < 1
        assert float(found["rank correlation, settings"]) > 0.8
    assert "made up" in capsys.readouterr().out


def test_some_sets_leave_the_table_alone(readme):
    before = readme.read_text()
    estimates.main(["again", "--batch-sizes", "8"])
    assert readme.read_text() == before


def test_a_trained_model_gives_both_sides_of_each_instance():
    from toolkit.datasets import graphs
    from toolkit.models import GraphCL
    from toolkit.models.graph_encoders import GIN

    data = graphs.bundled()
    model = GraphCL(GIN(data.n_features), temperature=0.2)
    first, second, labels = estimates.embedded(model, graphs.GraphViews(data), 5, 64, data.labels)
    assert first.shape == second.shape == (len(labels), model.head[-1].out_features)
    assert len(labels) == len(data) // 64 * 64, "one epoch of full batches"
    assert not torch.allclose(first, second), "two views"


def test_unknown_sets_are_named(capsys):
    with pytest.raises(SystemExit):
        estimates.main(["pictures"])
    assert "SET must be any of images" in capsys.readouterr().err


def test_readme_has_a_place_for_the_table():
    assert "<!-- estimates: begin -->" in report.README.read_text()
