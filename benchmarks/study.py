"""Dose and response: how harder batches affect ten training tasks, with equal steps and seeds.

Every training runs with every dose of `benchmarks.doses`, from a shuffle over walks on ever pickier graphs to nearest
neighbours. To continue a study that was stopped, repeat the command; several processes may share the work.
"""

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks import graphs, language, modality, retrieval, vision
from benchmarks.doses import LABELS, doses
from benchmarks.presets import LANGUAGE, GraphPreset, GraphRun, VisionPreset
from toolkit.datasets.graphs import GraphViews
from toolkit.datasets.vision import ImageData, Images, ImageViews
from toolkit.evaluation import embed, knn_accuracy, linear_fold_accuracy
from toolkit.training.comparison import compare
from toolkit.training.task import Task

RESULTS = modality.RESULTS / "study.csv"
DEVELOPMENT = "development"
IMAGES, HELD_OUT = 20_000, 5000
IMAGE_RUN = VisionPreset("tiny", 128, 800, 1e-3, 0.2, 0.2)
GRAPH_RUN = GraphPreset(graphcl=GraphRun(epochs=20, batch_size=32, learning_rate=0.01, width=32, n_layers=3))
PAIR_STEPS = 6000


@dataclass(frozen=True)
class Trial:
    """One training of the study.

    Attributes
    ----------
    make : callable
        Called with the folder of the data, returns its task, whose test also gives the result on development data.
    seeds : int
        Number of seeds.
    doses : tuple of str
        Names of the doses it runs with.
    loss : str
    """

    make: Callable[[Path | None], Task]
    seeds: int = 5
    doses: tuple[str, ...] = tuple(LABELS)
    loss: str = "infonce"


@cache
def some_images(name: str, root: Path | None) -> tuple[ImageData, Images]:
    """Return a part of an image set, drawn at random, and further training images for development."""
    data = vision.SETS[name](root)
    rows = np.random.default_rng(0).permutation(len(data.train))[: IMAGES + HELD_OUT]
    parts = [
        Images(data.train.pixels[torch.from_numpy(some)], data.train.labels[some]) for some in np.split(rows, [IMAGES])
    ]
    return ImageData(ImageViews(parts[0]), parts[0], data.test, data.classes), parts[1]


def images(name: str, model: str, root: Path | None) -> Task:
    """Return a training on images."""
    data, development = some_images(name, root)

    def evaluate(network: nn.Module) -> dict[str, float]:
        train, held_out, test = (embed(network, part) for part in (data.train, development, data.test))
        return {"kNN probe": knn_accuracy(*train, *test), DEVELOPMENT: knn_accuracy(*train, *held_out)}

    return replace(vision.task_of(name, data, model, IMAGE_RUN), evaluate=evaluate)


def sentences(root: Path | None) -> Task:
    """Return a training on sentences."""
    task = language.make_task("wikipedia", "simcse", LANGUAGE["cpu-hour"], root)

    def evaluate(network: nn.Module) -> dict[str, float]:
        found = task.evaluate(network)
        (metric, value), *_ = found.items()
        return {metric: value, DEVELOPMENT: found["STSBenchmark dev"]}

    return replace(task, evaluate=evaluate)


def molecules(name: str, model: str, root: Path | None) -> Task:
    """Return a training on graphs, whose cross-validation leaves none for development."""
    task = graphs.make_task(name, model, GRAPH_RUN, root)
    data = task.dataset.graphs if isinstance(task.dataset, GraphViews) else task.dataset

    def evaluate(network: nn.Module) -> dict[str, float]:
        accuracy = linear_fold_accuracy(*embed(network, data), torch.initial_seed())
        return {"linear probe, ten folds": accuracy, DEVELOPMENT: float("nan")}

    return replace(task, evaluate=evaluate)


def pairs(name: str, root: Path | None) -> Task:
    """Return a training on pairs, with the temperature and the learning rate that suit a shuffle best."""
    data = retrieval.load(name, "static", root)
    cell = retrieval.Cell(name, "static", "study", 32, PAIR_STEPS)
    task = retrieval.make_task(cell, data, {"uniform": retrieval.CHOSEN[name, "static"]["uniform"]}, "")
    held_out = data.dev, data.test

    def evaluate(network: nn.Module) -> dict[str, float]:
        development, test = (retrieval.mrr(part, network) for part in held_out)
        return {"MRR@10": test, DEVELOPMENT: development}

    return replace(task, evaluate=evaluate)


TRIALS = {
    "dictionary": Trial(partial(pairs, "dictionary")),
    "code": Trial(partial(pairs, "code")),
    "wikipedia": Trial(sentences, seeds=3),
    "NCI1": Trial(partial(molecules, "NCI1", "graphcl")),
    "MUTAG": Trial(partial(molecules, "MUTAG", "graphcl")),
    "IMDB-BINARY": Trial(
        partial(molecules, "IMDB-BINARY", "mvgrl"), seeds=3, doses=("uniform", "walk_10_5000", "knn"), loss="jsd"
    ),
    "fashion_mnist simclr": Trial(partial(images, "fashion_mnist", "simclr")),
    "cifar10 simclr": Trial(partial(images, "cifar10", "simclr")),
    "fashion_mnist mocov3": Trial(partial(images, "fashion_mnist", "mocov3")),
    "cifar10 mocov3": Trial(partial(images, "cifar10", "mocov3")),
}


@cache
def task_of(name: str, root: Path | None) -> Task:
    """Return the task of a trial, with the doses for samplers."""
    trial = TRIALS[name]
    task = trial.make(root)
    n = len(task.dataset)
    kinds = doses(n, task.batch_size, task.steps)
    rules = task.sampler_settings.get("uniform", {})
    groups = {"groups": rules["groups"]} if "groups" in rules else {}
    return replace(
        task,
        settings=f"study, {n} instances, B={task.batch_size}",
        samplers={dose: kinds[dose] for dose in trial.doses},
        sampler_settings=dict.fromkeys(trial.doses, groups),
        curve=None,
    )


def runs(names: Sequence[str], seeds: int | None) -> Iterator[tuple[str, int]]:
    """Yield trials and seeds, seed by seed, so that what is there after a stop can be compared."""
    most = max(TRIALS[name].seeds for name in names)
    for seed in range(most if seeds is None else seeds):
        yield from ((name, seed) for name in names if seed < TRIALS[name].seeds)


def main(arguments: list[str] | None = None) -> None:
    """Run what is missing."""
    options = parse(arguments)
    torch.set_num_threads(options.threads)
    for name, seed in runs(options.trials, options.seeds):
        trial = TRIALS[name]
        compare(task_of(name, options.data), trial.doses, [trial.loss], [seed], options.out)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.study",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, metavar="ROOT", help="folder of the data sets (default: TOOLKIT_DATA)")
    parser.add_argument("--trials", nargs="+", choices=tuple(TRIALS), default=tuple(TRIALS), metavar="NAME")
    parser.add_argument("--seeds", type=int, metavar="N", help="number of seeds (default: each trial's)")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads of this process (default: 1)")
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="FILE", help="CSV; rows are added")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
