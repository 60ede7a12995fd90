"""The benchmarks' baselines, tables and commands."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from reference import components, cosine

from benchmarks import published, report

ROOT = Path(__file__).parents[2]


def test_published_graph_keeps_the_best_of_its_candidates():
    points = torch.randn(210, 8, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    neighbors = published.graph(points, 50, 5)
    assert neighbors.shape == (210, 5)
    # The K best of M random similarities are well above the average one.
    similarities = cosine(points.numpy())
    assert np.take_along_axis(similarities, neighbors.numpy(), 1).mean() > 0.4
    assert abs(similarities.mean()) < 0.05


def test_published_walk_fills_a_batch_within_its_component():
    graph = components(n_components=3, size=20, n_neighbors=3)
    batch = published.walk(graph.neighbors, 25, 12, 0.3)
    assert len(batch) == len(set(batch)) == 12
    assert 25 in batch
    assert set(batch) <= set(range(20, 40))


def test_works_are_timed_in_turn():
    order = []
    times = report.interleaved(lambda: order.append("a"), lambda: order.append("b"), repeats=3)
    assert order == list("ab") * 4, "one call of each to warm up"
    assert times.shape == (2, 3)
    assert (times > 0).all()


def test_section_of_the_readme_is_replaced(tmp_path, monkeypatch):
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- engine: begin -->\nold\n<!-- engine: end -->\nafter\n")
    monkeypatch.setattr(report, "README", readme)
    report.refresh("engine", "new")
    assert readme.read_text() == "before\n<!-- engine: begin -->\nnew\n<!-- engine: end -->\nafter\n"


@pytest.mark.slow
def test_quick_run_writes_all_figures(tmp_path):
    before = (ROOT / "benchmarks" / "README.md").read_text()
    command = [sys.executable, "-m", "benchmarks.engine", "--quick", "--json", str(tmp_path / "figures.json")]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=600)
    figures = json.loads((tmp_path / "figures.json").read_text())
    keys = """graph_speedup_vs_published graph_over_matmul walk_speedup_vs_published walk_speedup_all_cores
        walk_steps_per_second walk_vs_igraph growth_exponent peak_memory_over_arrays sampler_share_of_training
        import_over_torch"""
    assert set(keys.split()) <= figures.keys()
    assert all(np.isfinite(value) and value > 0 for value in figures.values())
    assert (ROOT / "benchmarks" / "README.md").read_text() == before
