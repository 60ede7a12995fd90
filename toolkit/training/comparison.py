"""Samplers side by side: equal steps, equal seeds, paired differences."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset
from tqdm.auto import tqdm

from toolkit import _checks
from toolkit.samplers.base import BatchSampler
from toolkit.training import results as results_file
from toolkit.training.history import History
from toolkit.training.loop import train

UNTRAINED = "untrained"  # in place of a sampler: the model as it is before training
GROUP = ["set", "model", "loss", "settings"]
KEY = [*GROUP, "sampler", "seed", "steps"]


def usual_optimizer(model: nn.Module) -> tuple[None, None]:
    """Leave optimizer and schedule to `train`."""
    return None, None


@dataclass(frozen=True)
class Task:
    """What samplers are compared on: data, a model, a test.

    Attributes
    ----------
    set, model : str
        Names of data set and model, as they stand in the results.
    dataset : Dataset
        What is trained on, as for `toolkit.training.train`.
    steps : int
        Training steps of each run.
    make_model : callable
        Called with the name of a loss, returns a new model. Random numbers are seeded before.
    make_sampler : callable
        Called with the name of a sampler and a seed, returns a batch sampler.
    evaluate : callable
        Called with the trained model, returns results by name, the one to compare first. Larger is better.
    make_optimizer : callable, optional
        Called with the model, returns ``(optimizer, scheduler)``. By default those of `train`.
    labels : array, shape (N,), optional
        For false-negative rates; training does not see them.
    training : dict
        Further arguments of `train`.
    settings : str
        Whatever else tells one set of runs from another, such as the name of a preset.
    """

    set: str
    model: str
    dataset: Dataset
    steps: int
    make_model: Callable[[str], nn.Module]
    make_sampler: Callable[[str, int], BatchSampler]
    evaluate: Callable[[nn.Module], dict[str, float]]
    make_optimizer: Callable[[nn.Module], tuple] = usual_optimizer
    labels: object = None
    training: dict = field(default_factory=dict)
    settings: str = ""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Results of runs.

    Attributes
    ----------
    frame : DataFrame
        One row a run: set, model, sampler, loss, seed, steps, settings; metric, value: the result to compare;
        false_negative_rate, hardness: means over the second half of the steps; seconds, sampler_seconds: of the
        training; then all other results of the test.
    """

    frame: object

    @classmethod
    def read(cls, path: str | Path) -> "Comparison":
        """Read the file that `compare` writes."""
        return cls(results_file.read(Path(path)))

    def summary(self):
        """Return mean and standard deviation over seeds, one row for each sampler, loss, model and data set."""
        runs = self.frame.groupby([*GROUP, "sampler", "steps", "metric"], sort=False)
        return runs.agg(
            runs=("value", "size"),
            mean=("value", "mean"),
            deviation=("value", "std"),
            false_negative_rate=("false_negative_rate", "mean"),
            hardness=("hardness", "mean"),
            seconds=("seconds", "mean"),
            sampler_seconds=("sampler_seconds", "mean"),
        ).reset_index()

    def differences(self, baseline: str = "uniform"):
        """Return the difference of each sampler to a baseline over common seeds, with its 95 % interval (Student's t).

        Returns
        -------
        DataFrame
            Columns set, model, loss, settings, steps, sampler, metric, runs (pairs), difference, low, high; the
            interval is NaN for a single pair.

        Raises
        ------
        ValueError
            For a baseline that has no runs.
        """
        import pandas as pd

        group = [*GROUP, "steps", "metric"]
        runs = self.frame[self.frame.sampler != UNTRAINED]
        reference = runs[runs.sampler == baseline][[*group, "seed", "value"]]
        if reference.empty:
            raise ValueError(f"baseline must be one of {', '.join(runs.sampler.unique())}, got {baseline!r}")
        pairs = runs[runs.sampler != baseline].merge(reference, on=[*group, "seed"], suffixes=("", "_baseline"))
        pairs["difference"] = pairs.value - pairs.value_baseline
        rows = []
        for names, pair in pairs.groupby([*group, "sampler"], sort=False):
            low, high = paired_interval(pair.difference.to_numpy())
            names = dict(zip([*group, "sampler"], names, strict=True))
            rows.append({**names, "runs": len(pair), "difference": pair.difference.mean(), "low": low, "high": high})
        columns = [*group, "sampler", "runs", "difference", "low", "high"]
        return pd.DataFrame(rows, columns=columns)

    def __repr__(self) -> str:
        return f"Comparison(runs={len(self.frame)})"


def compare(
    task: Task,
    samplers: Sequence[str] = ("uniform", "knn", "random_walk"),
    losses: Sequence[str] = ("infonce",),
    seeds: Iterable[int] = range(5),
    out: str | Path | None = None,
    progress: bool = True,
) -> Comparison:
    """Train and test a model with each sampler, loss and seed at equal steps.

    The runs of one seed start from the same weights. Seeds are the outer loop, so that what is there after an interrupt
    is paired.

    Parameters
    ----------
    task : Task
    samplers : sequence of str
        Names that the task knows, or ``"untrained"`` for the model as it is before training.
    losses : sequence of str
        Names that the task knows.
    seeds : iterable of int
    out : path, optional
        CSV file to which each run adds its row. Runs that are there are not repeated, and a run that was killed goes on
        from its last checkpoint, a file beside it.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Comparison
        Of the runs asked for.

    Raises
    ------
    ValueError
        If `out` holds other columns than the results have.
    KeyboardInterrupt
        If a training was stopped; the next call goes on from there.

    Examples
    --------
    >>> import torch
    >>> from toolkit import RandomWalkBatchSampler, UniformBatchSampler
    >>> from toolkit.training.comparison import Task, compare
    >>> from toolkit.datasets import vision
    >>> from toolkit.evaluation import knn_probe
    >>> from toolkit.models import SimCLR
    >>> data = vision.bundled()
    >>> kinds = {"uniform": UniformBatchSampler, "random_walk": RandomWalkBatchSampler}
    >>> task = Task(
    ...     set="fashion",
    ...     model="simclr",
    ...     dataset=data.views,
    ...     steps=2,
    ...     make_model=lambda loss: SimCLR(),
    ...     make_sampler=lambda name, seed: kinds[name](len(data.views), 64, seed=seed),
    ...     evaluate=lambda model: {"knn": knn_probe(model, data.train, data.test)},
    ... )
    >>> result = compare(task, samplers=kinds, seeds=[0], progress=False)
    >>> result, result.differences().sampler.tolist()
    (Comparison(runs=2), ['random_walk'])
    """
    import pandas as pd

    path = None if out is None else Path(out)
    keys = _keys(task, samplers, losses, seeds)
    rows = []
    with tqdm(keys, disable=not progress) as bar:
        for key in bar:
            bar.set_postfix_str(f"{task.set} {key['loss']} {key['sampler']} seed {key['seed']}")
            row = path and results_file.find(path, key)
            if row is None:
                row = _run(task, key, key["loss"] or losses[0], path)
                if path:
                    results_file.append(path, row)
            rows.append(row)
    return Comparison(pd.DataFrame(rows))


def _keys(task: Task, samplers, losses, seeds) -> list[dict]:
    """Return what identifies each run, in the order in which they are made."""
    keys = []
    for seed in seeds:
        _checks.integer("seeds", seed, 0)
        for loss in losses:
            for sampler in samplers:
                trained = sampler != UNTRAINED
                names = {
                    "set": task.set,
                    "model": task.model,
                    "loss": loss if trained else "",
                    "settings": task.settings,
                }
                key = names | {"sampler": sampler, "seed": int(seed), "steps": task.steps if trained else 0}
                if key not in keys:
                    keys.append(key)
    return keys


def _run(task: Task, key: dict, loss: str, path: Path | None) -> dict:
    """Train and test one model; return its row."""
    torch.manual_seed(key["seed"])
    model = task.make_model(loss)
    history = History()
    checkpoint = None
    if key["sampler"] != UNTRAINED:
        sampler = task.make_sampler(key["sampler"], key["seed"])
        optimizer, scheduler = task.make_optimizer(model)
        if path:
            name = "-".join(str(value) for value in key.values()).replace("/", "_").replace(" ", "_")
            checkpoint = path.with_name(f"{path.stem}-{name}.pt")
        settings = {"progress": False, "checkpoint_every": 500} | task.training
        settings |= {"optimizer": optimizer, "scheduler": scheduler, "labels": task.labels, "checkpoint": checkpoint}
        history = train(model, task.dataset, sampler, task.steps, **settings)
        if history.interrupted:
            raise KeyboardInterrupt(f"stopped at step {len(history)} of {task.steps}")
    metric, *others = results = task.evaluate(model)
    columns = history.to_frame()
    half = columns.iloc[len(columns) // 2 :]
    row = key | {
        "metric": metric,
        "value": results[metric],
        "false_negative_rate": half.false_negative_rate.mean(),
        "hardness": half.hardness.mean(),
        "seconds": columns.seconds.sum(),
        "sampler_seconds": columns.sampler_seconds.sum(),
        **{name: results[name] for name in others},
    }
    if checkpoint:
        checkpoint.unlink(missing_ok=True)
    return row


def paired_interval(differences: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Return Student's interval of the mean of independent differences; NaN for less than two.

    Examples
    --------
    >>> low, high = paired_interval(np.array([1.0, 2.0, 3.0]))
    >>> round(low, 3), round(high, 3)
    (-0.484, 4.484)
    """
    from scipy import stats

    n = len(differences)
    if n < 2:
        return float("nan"), float("nan")
    mean, error = float(np.mean(differences)), float(np.std(differences, ddof=1)) / n**0.5
    half = error * float(stats.t.ppf((1 + level) / 2, n - 1))
    return mean - half, mean + half
