"""Samplers side by side: equal steps, equal seeds, paired differences."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.utils.data import Dataset
from tqdm.auto import tqdm

from toolkit import _checks
from toolkit._result import mean_interval
from toolkit.samplers.registry import SAMPLERS, SamplerKind
from toolkit.training import results
from toolkit.training.history import History, compared_columns
from toolkit.training.loop import train
from toolkit.training.results import GROUP, KEY

if TYPE_CHECKING:
    import pandas as pd

UNTRAINED = "untrained"  # in place of a sampler: the model as it is before training


@dataclass(frozen=True)
class Task:
    """What samplers are compared on: data, a model, a test.

    Attributes
    ----------
    name, model : str
        Names of data set and model, as in the columns ``set`` and ``model`` of the results.
    dataset : Dataset
        Training data, as for `toolkit.training.train`.
    steps : int
        Training steps of each run.
    batch_size : int
        Instances per batch.
    make_model : callable
        Called with the name of a loss, returns a new model. Random numbers are seeded before.
    evaluate : callable
        Called with the trained model, returns numbers by name, the one to compare first. Larger is better.
    make_optimizer : callable, optional
        Called with the model, returns ``(optimizer, scheduler)``. By default those of `train`.
    labels : array, shape (N,), optional
        Classes for false-negative rates; training does not see them.
    training : dict
        Further arguments of `train`.
    settings : str
        Whatever else distinguishes one set of runs from another, such as the name of a preset.
    sampler_settings : mapping of str to mapping
        Further arguments of samplers, by the sampler's name.
    samplers : mapping of str to SamplerKind
        Samplers by name, by default those of `toolkit.samplers.registry.SAMPLERS`.
    """

    name: str
    model: str
    dataset: Dataset
    steps: int
    batch_size: int
    make_model: Callable[[str], nn.Module]
    evaluate: Callable[[nn.Module], dict[str, float]]
    make_optimizer: Callable[[nn.Module], tuple] | None = None
    labels: object = None
    training: dict[str, Any] = field(default_factory=dict)
    settings: str = ""
    sampler_settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    samplers: Mapping[str, SamplerKind] = field(default_factory=lambda: SAMPLERS)


class Comparison:
    """Results of runs. A run that is there twice counts once.

    Parameters
    ----------
    runs : DataFrame
        One row per run: set, model, sampler, loss, seed, steps, settings; metric, value: the result to compare;
        false_negative_rate, hardness: means over the second half of the steps; seconds, sampler_seconds: of the
        training; then all other results of the test.
    """

    def __init__(self, runs: "pd.DataFrame") -> None:
        self._runs = runs.drop_duplicates(list(KEY), ignore_index=True)

    @classmethod
    def read(cls, path: str | Path) -> "Comparison":
        """Read the file that `compare` writes; damaged rows are left out with a warning."""
        return cls(_frame(results.read(Path(path))))

    def to_frame(self) -> "pd.DataFrame":
        """Return a pandas frame with one row per run."""
        return self._runs.copy()

    def summary(self) -> "pd.DataFrame":
        """Return mean and standard deviation over seeds, one row for each sampler, loss, model and data set."""
        runs = self._runs.groupby([*GROUP, "sampler", "steps", "metric"], sort=False)
        means = {column.name: (column.name, "mean") for column in compared_columns()}
        table = runs.agg(runs=("value", "size"), mean=("value", "mean"), deviation=("value", "std"), **means)
        return table.reset_index()

    def differences(self, baseline: str = "uniform") -> "pd.DataFrame":
        """Return the difference of each sampler to a baseline over common seeds, with its 95 % interval (Student's t).

        The column ``runs`` counts pairs; the interval, ``low`` to ``high``, is NaN for a single one.

        Raises
        ------
        ValueError
            For a baseline that has no runs.
        """
        import pandas as pd

        group = [*GROUP, "steps", "metric"]
        runs = self._runs[self._runs.sampler != UNTRAINED]
        reference = runs[runs.sampler == baseline][[*group, "seed", "value"]]
        if reference.empty:
            raise ValueError(f"baseline must be one of {', '.join(runs.sampler.unique())}, got {baseline!r}")
        pairs = runs[runs.sampler != baseline].merge(reference, on=[*group, "seed"], suffixes=("", "_baseline"))
        pairs["difference"] = pairs.value - pairs.value_baseline
        rows = [
            (*names, len(pair), pair.difference.mean(), *mean_interval(pair.difference))
            for names, pair in pairs.groupby([*group, "sampler"], sort=False)
        ]
        return pd.DataFrame(rows, columns=[*group, "sampler", "runs", "difference", "low", "high"])

    @property
    def value(self) -> float:
        """Mean difference to uniform batches; ValueError unless the results hold one sampler besides them."""
        return float(self._difference().difference)

    def interval(self) -> tuple[float, float]:
        """Return the 95 % interval of `value`."""
        return float(self._difference().low), float(self._difference().high)

    def _difference(self):
        """Return the only row of `differences`, or raise."""
        table = self.differences()
        if len(table) != 1:
            raise ValueError(
                f"value and interval need one sampler to compare with uniform, got {len(table)} differences: select, "
                "as in Comparison(result.to_frame().query(\"sampler in ['uniform', 'knn'] and loss == 'infonce'\"))"
            )
        return table.iloc[0]

    def __repr__(self) -> str:
        return f"Comparison(runs={len(self._runs)})"


def compare(
    task: Task,
    samplers: Iterable[str] | None = None,
    losses: Sequence[str] = ("infonce",),
    seeds: Iterable[int] = range(5),
    out: str | Path | None = None,
    progress: bool = True,
) -> Comparison:
    """Train and test a model with each sampler, loss and seed at equal steps; return the results.

    The runs of one seed start from the same weights. Seeds are the outer loop, so that what is there after an interrupt
    is paired.

    Parameters
    ----------
    task : Task
        Data, model and test.
    samplers : iterable of str, optional
        Names in ``task.samplers``, by default all, or ``"untrained"`` for the model as it is before training.
    losses : sequence of str
        Names that ``task.make_model`` knows.
    seeds : iterable of int
        Random seeds; each sampler and loss runs once with each.
    out : path, optional
        CSV file to which each run adds its row. Runs that are there are not repeated, and a run that was killed goes on
        from its last checkpoint, a file next to it that is deleted once the row is on disk. Several processes may
        share the file: each run is made by one of them, the others wait for it.
    progress : bool
        Show a progress bar.

    Raises
    ------
    ValueError
        For an unknown sampler and an `out` that is not a file of results, before any training, and if `out` has other
        columns than `evaluate` returns.
    KeyboardInterrupt
        If a training was stopped; the next call goes on from there.

    Examples
    --------
    >>> import torch
    >>> from toolkit.training import Task, compare
    >>> from toolkit.datasets import vision
    >>> from toolkit.evaluation import knn_probe
    >>> from toolkit.models import SimCLR
    >>> data = vision.bundled()
    >>> task = Task(
    ...     name="fashion",
    ...     model="simclr",
    ...     dataset=data.views,
    ...     steps=2,
    ...     batch_size=64,
    ...     make_model=lambda loss: SimCLR(),
    ...     evaluate=lambda model: {"knn": knn_probe(model, data.train, data.test)},
    ... )
    >>> result = compare(task, samplers=["uniform", "random_walk"], seeds=[0], progress=False)
    >>> result, result.differences().sampler.tolist(), -1 < result.value < 1
    (Comparison(runs=2), ['random_walk'], True)
    """
    path = None if out is None else Path(out)
    if path:
        results.check(path)
    rows = []
    with tqdm(_keys(task, samplers, losses, seeds), disable=not progress) as bar:
        for key in bar:
            bar.set_postfix_str(f"{task.name} {key['loss']} {key['sampler']} seed {key['seed']}")
            run = partial(_run, task, key, key["loss"] or losses[0])
            rows.append(results.once(path, key, run) if path else run(None))
    return Comparison(_frame(rows))


def _frame(rows: list[dict]):
    """Return rows as a pandas frame, which has columns even without rows."""
    import pandas as pd

    return pd.DataFrame(rows, columns=None if rows else results.required_columns())


def _keys(task: Task, samplers, losses, seeds) -> list[dict]:
    """Return what identifies each run, in the order in which they are made."""
    keys = {}
    for seed, loss, sampler in product(seeds, losses, task.samplers if samplers is None else samplers):
        _checks.choice("samplers", sampler, (*task.samplers, UNTRAINED))
        trained = sampler != UNTRAINED
        names = (task.name, task.model, loss if trained else "", task.settings, sampler)
        key = (*map(str, names), _checks.integer("seeds", seed, 0), task.steps if trained else 0)
        keys[key] = dict(zip(KEY, key, strict=True))
    return list(keys.values())


def _run(task: Task, key: dict, loss: str, checkpoint: Path | None) -> dict:
    """Train and test one model; return its row."""
    torch.manual_seed(key["seed"])
    model = task.make_model(loss)
    history = History()
    if key["sampler"] != UNTRAINED:
        kind, arguments = task.samplers[key["sampler"]], task.sampler_settings.get(key["sampler"], {})
        sampler = kind.make(_checks.size("dataset", task.dataset), task.batch_size, seed=key["seed"], **arguments)
        optimizer, scheduler = task.make_optimizer(model) if task.make_optimizer else (None, None)
        settings: dict[str, Any] = {"progress": False, "checkpoint_every": 500} | task.training
        settings |= {"optimizer": optimizer, "scheduler": scheduler, "labels": task.labels, "checkpoint": checkpoint}
        history = train(model, task.dataset, sampler, task.steps, **settings)
        if history.interrupted:
            raise KeyboardInterrupt(f"stopped at step {len(history)} of {task.steps}")
    (metric, value), *others = _evaluate(task, model).items()
    frame = history.to_frame()
    parts = {"mean": frame.iloc[len(frame) // 2 :], "sum": frame}
    measured = {c.name: float(parts[c.compared][c.name].agg(c.compared)) for c in compared_columns()}
    return key | {"metric": metric, "value": value} | measured | dict(others)


def _evaluate(task: Task, model: nn.Module) -> dict[str, float]:
    """Return the results of the test, or raise unless they are numbers by names that are free."""
    found = task.evaluate(model)
    taken = [name for name in list(found)[1:] if name in results.required_columns()]
    if taken or not found:
        raise ValueError(f"evaluate must return one or more results, none of them named {taken}, got {found!r}")
    try:
        return {name: float(value) for name, value in found.items()}
    except (TypeError, ValueError) as error:
        raise TypeError(f"evaluate must return numbers by name, got {found!r}") from error
