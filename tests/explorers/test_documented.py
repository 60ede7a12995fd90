"""The lines that the documentation's pictures and the benchmark of the widgets are made by."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from benchmarks import widgets
from toolkit import explorers
from toolkit.explorers.base import Explorer

PATH = Path(__file__).resolve().parents[2] / "docs" / "screenshots.py"
N = 40  # too few for UMAP


def load():
    spec = importlib.util.spec_from_file_location("screenshots", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(source, scope):
    """Run a cell, and return its last line's value."""
    *lines, last = source.splitlines()
    exec("\n".join(lines), scope)
    return eval(last, scope)


@pytest.fixture
def scope():
    rng = np.random.default_rng(0)
    sentences = type("Sentences", (), {"texts": [f"sentence {i}" for i in range(N)]})
    names = np.array(["cat", "dog"])[np.arange(N) % 2]
    return {
        "explorers": explorers,
        "np": np,
        "embeddings": rng.normal(size=(N, 8)),
        "before": rng.normal(size=(N, 8)),
        "images": rng.integers(0, 256, (N, 8, 8), np.uint8),
        **dict.fromkeys(("names", "fields", "solubility"), names),
        "sentences": sentences,
        "draw": lambda index, ax: ax.plot([0, index]),
        "monitor": explorers.TrainingMonitor(),
        "given": {"targets": rng.normal(size=(N, 8)), "target_items": sentences.texts, "batch_size": 16},
    }


@pytest.mark.parametrize("name", load().EXPLORERS)
def test_explorers_of_the_documentation_run(name, scope):
    source = load().EXPLORERS[name][1]
    for large, small in (
        ("n_candidates=500", "n_candidates=30"),
        ("n_candidates=2000", "n_candidates=30"),
        ("batch_size=64", "batch_size=16"),
    ):
        source = source.replace(large, small)
    explorer = run(source, scope)
    assert isinstance(explorer, Explorer)
    assert explorer.png().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", widgets.CASES)
def test_explorers_of_the_benchmark_run(name):
    scope = {}
    exec(widgets.DATA.format(n=N, d=8), scope)
    assert isinstance(run(widgets.CASES[name].code, scope), Explorer)
