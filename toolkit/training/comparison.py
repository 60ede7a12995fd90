"""Comparisons of samplers: equal steps, equal seeds, paired differences."""

import os
from collections import deque
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm.auto import tqdm

from toolkit import _checks
from toolkit._result import mean_interval
from toolkit.training import curves, results
from toolkit.training.history import compared_columns
from toolkit.training.results import GROUP, KEY
from toolkit.training.task import UNTRAINED, Task, run

if TYPE_CHECKING:
    import pandas as pd

SAME = [*GROUP, "steps", "metric"]  # what compared runs have in common


class Comparison:
    """Results of runs; a run that appears twice counts once.

    Parameters
    ----------
    runs : DataFrame
        One row per run: set, model, sampler, loss, seed, steps, settings; metric, value: the result to compare;
        false_negative_rate, hardness: means over the second half of the steps; seconds, sampler_seconds: of the
        training; then all other results of the test, and for each point of a curve ``curve@STEP``, its value, and
        ``seconds@STEP``, the training time so far.
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
        """Return each sampler's difference from a baseline over common seeds, with its 95 % interval (Student's t).

        The column ``runs`` counts pairs; the interval, ``low`` to ``high``, is NaN for a single pair. ``percent``,
        ``percent_low`` and ``percent_high`` are relative to the baseline's mean, whose own spread the interval
        includes.

        Raises
        ------
        ValueError
            For a baseline that has no runs.
        """
        import pandas as pd

        reference = self._of(baseline)[[*SAME, "seed", "value"]]
        pairs = self._others(baseline).merge(reference, on=[*SAME, "seed"], suffixes=("", "_baseline"))
        rows = []
        for _, pair in pairs.groupby([*SAME, "sampler"], sort=False):
            difference, base = pair.value - pair.value_baseline, pair.value_baseline.mean()
            ratio = difference.mean() / base
            spread = (difference - ratio * pair.value_baseline) / abs(base)  # first-order spread of the ratio
            percent = 100 * (difference.mean() / abs(base) + spread)
            numbers = (difference.mean(), *mean_interval(difference), percent.mean(), *mean_interval(percent))
            rows.append((*pair.iloc[0][[*SAME, "sampler"]], len(pair), *numbers))
        intervals = [prefix + bound for prefix in ("", "percent_") for bound in ("low", "high")]
        return pd.DataFrame(
            rows, columns=[*SAME, "sampler", "runs", "difference", *intervals[:2], "percent", *intervals[2:]]
        )

    def curves(self) -> "pd.DataFrame":
        """Return the curves of all runs, one row for each point.

        Its columns are those that identify a run, then ``step``, ``seconds`` (of training so far) and ``value``. Tasks
        without a curve have no rows.
        """
        return curves.tidy(self._runs[self._runs.sampler != UNTRAINED], [*SAME, "sampler", "seed"])

    def steps_to_best(self, baseline: str = "uniform") -> "pd.DataFrame":
        """Return how soon each sampler's curve reaches the best value of a baseline's curve, over common seeds.

        ``steps_ratio`` is the step at which a sampler first reaches the value, divided by the step at which the
        baseline reaches it: the mean over seeds, with its 95 % interval (Student's t), ``steps_low`` to ``steps_high``,
        NaN for a single seed. ``seconds_ratio`` and its interval are the same for training time, including the
        sampler's. ``reached`` of ``runs`` runs reached the value. The others count with their last step, so ratio and
        interval are lower bounds if ``reached`` is less than ``runs``.

        Raises
        ------
        ValueError
            For a baseline that has no runs, and results without curves.
        """
        import pandas as pd

        self._of(baseline)
        points = self.curves()
        if points.empty:
            raise ValueError("steps_to_best needs results with curves, got none: give the task a curve")
        reference = dict(list(points[points.sampler == baseline].groupby([*SAME, "seed"])))
        rows = []
        for names, runs in points[points.sampler != baseline].groupby([*SAME, "sampler"], sort=False):
            pairs = [(run, reference.get((*names[:-1], seed))) for seed, run in runs.groupby("seed")]
            found = pd.DataFrame([curves.to_best(run, other) for run, other in pairs if other is not None])
            if len(found):
                rows.append((*names, len(found), int(found.reached.sum()), *curves.mean_ratios(found)))
        return pd.DataFrame(rows, columns=[*SAME, "sampler", "runs", "reached", *curves.ratio_columns()])

    def _of(self, baseline: str) -> "pd.DataFrame":
        """Return the runs of a baseline, or raise if there are none."""
        runs = self._runs[self._runs.sampler != UNTRAINED]
        if not isinstance(baseline, str) or baseline not in set(runs.sampler):
            raise ValueError(f"baseline must be one of {', '.join(runs.sampler.unique())}, got {baseline!r}")
        return runs[runs.sampler == baseline]

    def _others(self, baseline: str) -> "pd.DataFrame":
        return self._runs[~self._runs.sampler.isin([baseline, UNTRAINED])]

    @property
    def value(self) -> float:
        """Mean difference from uniform batches; ValueError unless the results hold one sampler besides them."""
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
    task: Task | Sequence[Task],
    samplers: Iterable[str] | None = None,
    losses: Sequence[str] = ("infonce",),
    seeds: Iterable[int] = range(5),
    out: str | Path | None = None,
    progress: bool = True,
) -> Comparison:
    """Train and test a model with each sampler, loss and seed for the same number of steps; return the results.

    Runs with the same seed start from the same weights. Seeds are the outer loop, so the results after an interrupt
    are paired.

    Parameters
    ----------
    task : Task or sequence of Task
        Data, model and test. Several tasks are run seed by seed, with the results of all in one table.
    samplers : iterable of str, optional
        Names in ``task.samplers``, by default those without ``default=False``, or ``"untrained"`` for the
        model before training.
    losses : sequence of str
        Names that ``task.make_model`` knows.
    seeds : iterable of int
        Random seeds; each sampler and loss runs once with each.
    out : path, optional
        CSV file to which each run adds its row. Runs that it contains are not repeated, and a run that was killed
        continues from its last checkpoint, a file next to it that is deleted once the row is on disk. Several processes
        may share the file: each run is done by one of them, and a run that another process is doing is left for the
        end.
    progress : bool
        Show a progress bar.

    Raises
    ------
    ValueError
        Before any training, for an unknown sampler and an `out` that is not a results file or has another curve; later,
        if `out` has other columns than `evaluate` returns.
    KeyboardInterrupt
        If training was stopped; the next call continues from there.

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
    tasks = [task] if isinstance(task, Task) else list(task)
    if not (out is None or isinstance(out, (str, os.PathLike))):
        raise TypeError(f"out must be the path of a file or None, got {out!r}")
    if out is not None and Path(out).is_dir():
        raise ValueError(f"out must be a file, got the folder {os.fspath(out)!r}: add a file name")
    path, progress = None if out is None else Path(out), _checks.flag("progress", progress)
    samplers = samplers if samplers is None else _checks.listed("samplers", samplers, "names of samplers")
    losses = [_checks.text("losses", name) for name in _checks.listed("losses", losses, "names")]
    seeds = _checks.listed("seeds", seeds, "numbers")
    runs = [(t, key) for seed in seeds for t in tasks for key in _keys(t, samplers, losses, seed)]
    if path:
        for t in tasks:
            results.check(path, curves.columns(t.curve_steps))
    rows: dict[int, dict] = {}
    waiting, asked = deque(enumerate(runs)), 0
    with tqdm(total=len(runs), disable=not progress) as bar:
        while waiting:
            number, (t, key) = waiting.popleft()
            asked += 1
            bar.set_postfix_str(f"{t.name} {key['loss']} {key['sampler']} seed {key['seed']}")
            make = partial(run, t, key, key["loss"] or losses[0])
            row = results.once(path, key, make, wait=asked > len(runs)) if path else make(None)
            if row is None:  # another process is making this run
                waiting.append((number, (t, key)))
                continue
            rows[number] = row
            bar.update()
    return Comparison(_frame([rows[number] for number in sorted(rows)]))


def _frame(rows: list[dict]):
    """Return rows as a pandas frame; without rows, it still has the required columns."""
    import pandas as pd

    return pd.DataFrame(rows, columns=None if rows else results.required_columns())


def _keys(task: Task, samplers, losses, seed) -> list[dict]:
    """Return the keys of a seed's runs, in the order in which they are made."""
    keys = {}
    names = [name for name, kind in task.samplers.items() if kind.default] if samplers is None else samplers
    for loss, sampler in product(losses, names):
        _checks.choice("samplers", sampler, (*task.samplers, UNTRAINED))
        trained = sampler != UNTRAINED
        parts = (task.name, task.model, loss if trained else "", task.settings, sampler)
        key = (*map(str, parts), _checks.integer("seeds", seed, 0), task.steps if trained else 0)
        keys[key] = dict(zip(KEY, key, strict=True))
    return list(keys.values())
