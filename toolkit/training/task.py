"""Tasks on which samplers are compared, and single runs of a comparison."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import Dataset

from toolkit import _checks
from toolkit.samplers.registry import SAMPLERS, SamplerKind
from toolkit.training import curves, results
from toolkit.training.history import History, compared_columns
from toolkit.training.loop import train

UNTRAINED = "untrained"  # instead of a sampler's name: the model before training


@dataclass(frozen=True)
class Task:
    """A task to compare samplers on: data, a model and a test.

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
        Called with the name of a loss; returns a new model. Random seeds are set beforehand.
    evaluate : callable
        Called with the trained model; returns named numbers, the one to compare first. Larger is better.
    make_optimizer : callable, optional
        Called with the model; returns ``(optimizer, scheduler)``. By default those of `train`.
    labels : array, shape (N,), optional
        Classes for false-negative rates; training does not see them.
    training : dict
        Further arguments of `train`.
    settings : str
        Anything else that distinguishes one set of runs from another, such as the name of a preset.
    sampler_settings : mapping of str to mapping
        Further arguments of samplers, by the sampler's name.
    samplers : mapping of str to SamplerKind
        Samplers by name, by default those of `toolkit.samplers.registry.SAMPLERS`.
    curve : callable, optional
        Called with the model every `curve_every` steps and at the end of training; returns a number, such as a
        metric on development data. Larger is better. Its time is not counted.
    curve_every : int
        Number of steps between points of the curve.

    Raises
    ------
    ValueError
        If both a `curve` and a probe among the arguments of `train` are given.
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
    curve: Callable[[nn.Module], float] | None = None
    curve_every: int = 1000

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "curve_every"):
            object.__setattr__(self, name, _checks.integer(name, getattr(self, name), 1))
        for name in ("name", "model", "settings"):
            object.__setattr__(self, name, _checks.text(name, getattr(self, name)))
        for name in ("make_optimizer", "curve"):
            _checks.function(name, getattr(self, name))
        for name in ("training", "sampler_settings", "samplers"):
            if not isinstance(getattr(self, name), Mapping):
                raise TypeError(f"{name} must be a mapping, got {getattr(self, name)!r}")
        if self.curve is not None and self.training.get("probe") is not None:
            raise ValueError("curve must be None if training has a probe, got both: a run has one probe")

    @property
    def curve_steps(self) -> list[int]:
        """Steps at which the curve has points; none without one."""
        if self.curve is None:
            return []
        return sorted({*range(self.curve_every, self.steps, self.curve_every), self.steps})


def run(task: Task, key: dict, loss: str, checkpoint: Path | None) -> dict:
    """Train and test one model; return its row of results, which begins with `key`."""
    torch.manual_seed(key["seed"])
    model = task.make_model(loss)
    history = History()
    if key["sampler"] != UNTRAINED:
        kind, arguments = task.samplers[key["sampler"]], task.sampler_settings.get(key["sampler"], {})
        sampler = kind.make(_checks.size("dataset", task.dataset), task.batch_size, seed=key["seed"], **arguments)
        optimizer, scheduler = task.make_optimizer(model) if task.make_optimizer else (None, None)
        settings: dict[str, Any] = {"progress": False, "checkpoint_every": 500} | task.training
        settings |= {"optimizer": optimizer, "scheduler": scheduler, "labels": task.labels, "checkpoint": checkpoint}
        if task.curve is not None:
            settings |= {"probe": task.curve, "probe_every": task.curve_every}
        history = train(model, task.dataset, sampler, task.steps, **settings)
        if history.interrupted:
            raise KeyboardInterrupt(f"stopped at step {len(history)} of {task.steps}")
    (metric, value), *others = _evaluate(task, model).items()
    frame = history.to_frame()
    parts = {"mean": frame.iloc[len(frame) // 2 :], "sum": frame}
    measured = {c.name: float(parts[c.compared][c.name].agg(c.compared)) for c in compared_columns()}
    curve = curves.of_history(history, task.curve_steps)
    return key | {"metric": metric, "value": value} | measured | dict(others) | curve


def _evaluate(task: Task, model: nn.Module) -> dict[str, float]:
    """Return the results of the test, or raise unless they are numbers under names that are not yet in use."""
    found = task.evaluate(model)
    taken = [name for name in list(found)[1:] if name in results.required_columns() or curves.stored([name])]
    if taken or not found:
        raise ValueError(f"evaluate must return one or more results, none of them named {taken}, got {found!r}")
    try:
        return {name: float(value) for name, value in found.items()}
    except (TypeError, ValueError) as error:
        raise TypeError(f"evaluate must return numbers by name, got {found!r}") from error
