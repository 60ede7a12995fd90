"""The registry, and what every registered sampler has."""

import textwrap

import numpy as np
import pytest
from sampler_kinds import KINDS, built, new, normal

from toolkit import RandomWalkBatchSampler, UniformBatchSampler
from toolkit.proximity import LinearRestart
from toolkit.samplers import SAMPLERS, BatchSampler, register

TOY = """
import numpy as np
from toolkit.samplers import OnlineBatchSampler

class SortedBatchSampler(OnlineBatchSampler):
    \"\"\"Neighbours along the first dimension.\"\"\"

    def __init__(self, n, batch_size, *, refresh_every=100, warmup_epochs=1, seed=0):
        super().__init__(n, batch_size, True, refresh_every, warmup_epochs, seed)

    def _plan_batches(self, planned):
        order = np.argsort(self.bank.vectors[:, 0].cpu().numpy())
        batches = order[: len(self) * self.batch_size].reshape(len(self), -1)
        return self._rng().permutation(batches)[self._position :].ravel()
"""


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """Register a sampler from a file of its own, for the time of a test."""
    path = tmp_path / "toy_sampler.py"
    path.write_text(textwrap.dedent(TOY))
    assert len(path.read_text().splitlines()) < 40
    monkeypatch.syspath_prepend(tmp_path)
    from toy_sampler import SortedBatchSampler

    register("sorted", "Sorted", "#882255", SortedBatchSampler)
    yield SortedBatchSampler
    del SAMPLERS["sorted"]


POINTS, LABELS = normal(400), np.arange(400) % 8


def test_toy_appears_in_the_frontier_and_the_hardness_explorer(toy):
    from toolkit import metrics, plots
    from toolkit.explorers import HardnessExplorer

    found = metrics.hardness_frontier(POINTS, LABELS, 32, graphs=[(100, 10)], restarts=[0.2])
    assert "Sorted" in found.points.sampler.tolist()
    assert "Sorted" in [text.get_text() for text in plots.frontier(found).texts]
    explorer = HardnessExplorer(POINTS, LABELS)
    assert explorer.hardness["Sorted"].value > explorer.hardness["Uniform"].value
    explorer.close()


def test_toy_appears_in_the_benchmarks_options(toy, capsys):
    from benchmarks.modality import parse
    from benchmarks.vision import MODALITY

    assert "sorted" in parse(MODALITY, "", ["--samplers", "sorted"]).samplers


def test_toy_appears_in_the_comparison(toy):
    from training_runs import DATA, make_model

    from toolkit.training import Task, compare

    task = Task(
        name="toy",
        model="simclr",
        dataset=DATA,
        steps=8,
        batch_size=16,
        make_model=lambda loss: make_model(),
        evaluate=lambda model: {"score": 1.0},
    )
    found = compare(task, seeds=[0], progress=False).to_frame()
    assert found.sampler.tolist() == ["uniform", "random_walk", "knn", "sorted"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("toy", "Toy", "red", dict), TypeError, "cls must be a subclass of toolkit.samplers.BatchSampler, got"),
        (("knn", "Toy", "red", UniformBatchSampler), ValueError, "name and label must be new, got 'knn', 'Toy'"),
        (("toy", "kNN", "red", UniformBatchSampler), ValueError, "name and label must be new, got 'toy', 'kNN'"),
    ],
)
def test_wrong_registrations_are_refused(arguments, error, message):
    before = dict(SAMPLERS)
    with pytest.raises(error, match=message):
        register(*arguments)
    assert before == SAMPLERS


@pytest.mark.parametrize("kind", KINDS)
def test_settings_make_the_same_sampler_again(kind):
    one = built(kind, POINTS, 32, seed=5)
    again = type(one)(one.n, **one.settings)
    assert repr(again) == repr(one)
    assert again.settings == one.settings


def test_settings_keep_a_schedule():
    schedule = LinearRestart()
    assert RandomWalkBatchSampler(100, 10, restart=schedule).settings["restart"] is schedule


@pytest.mark.parametrize("kind", SAMPLERS.values(), ids=SAMPLERS)
def test_all_stand_in_for_each_other(kind):
    one = kind.make(POINTS, 32, seed=1)  # a data set is taken as its length
    assert isinstance(one, BatchSampler)
    assert one.n == 400
    for batch in one:
        one.update(batch, POINTS[batch])
    known = kind.from_embeddings(POINTS, 32, seed=1)
    assert len(list(known)) == len(one) == 12


@pytest.mark.parametrize(("n", "expected"), [(90, (89, 8)), (3, (2, 1)), (5000, (1000, 100))])
def test_defaults_fit_the_data_set(n, expected):
    one = RandomWalkBatchSampler(n, 2)
    assert (one.n_candidates, one.n_neighbors) == expected


def test_given_settings_are_checked():
    with pytest.raises(ValueError, match="n_neighbors must be between 1 and 89, got 100"):
        RandomWalkBatchSampler(90, 32, n_neighbors=100)
    assert RandomWalkBatchSampler(5000, 32, n_candidates=200).n_neighbors == 20


@pytest.mark.parametrize("kind", KINDS)
def test_n_must_be_a_number_or_a_data_set(kind):
    with pytest.raises(TypeError, match=r"n must be an integer at least 2, got 2\.5"):
        new(kind, 2.5, 2)
