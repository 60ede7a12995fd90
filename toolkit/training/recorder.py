"""Measurements of the batch of each training step, added to a history."""

import time

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from toolkit import _checks
from toolkit.metrics import graph_staleness, same_label_share
from toolkit.proximity.false_negatives import ByPositives
from toolkit.samplers.base import BatchSampler
from toolkit.training.coverage import RunningCoverage
from toolkit.training.history import History

_EVERY = 10  # steps between estimates of false negatives


class StepRecorder:
    """Measure each step's batch at little cost, for `toolkit.training.train` and `toolkit.training.BatchMonitor`.

    Parameters
    ----------
    sampler : BatchSampler
    codes : int array, shape (N,), optional
        Class of each instance, -1 where it is unknown.
    every : int
        Steps between estimates of the false negatives of pairs, which are made if there are no classes.
    """

    def __init__(self, sampler: BatchSampler, codes: np.ndarray | None, every: int = _EVERY) -> None:
        self.sampler, self.codes, self.every = sampler, codes, every
        self.history = History()
        self.coverage = RunningCoverage(sampler.n, len(sampler))

    def add(
        self, index: np.ndarray, embeddings: list[Tensor], *, epoch: int, loss: float, sampler_seconds: float, began
    ) -> None:
        """Add a step that started at `began`: its instances (B,) and embeddings (B, d), for pairs of both sides."""
        row = {
            "epoch": epoch,
            "loss": loss,
            "hardness": _mean_cosine(*embeddings),
            "false_negative_rate": float("nan") if self.codes is None else same_label_share(self.codes[index]),
            "coverage": self.coverage.add(index),
            "sampler_seconds": sampler_seconds,
            "seconds": time.perf_counter() - began,
        }
        self.history.add_step(row)
        paired = len(embeddings) > 1
        self._add_choice(paired)
        if self.codes is None and paired and len(index) > 1 and len(self.history) % self.every == 0:
            queries, targets = (F.normalize(side.detach().float().cpu(), dim=1) for side in embeddings)
            rate = ByPositives(queries, targets).rates([np.arange(len(queries))])[0]
            self.history.measured["estimated_false_negatives"].append((len(self.history), float(rate)))

    def _add_choice(self, paired: bool) -> None:
        """Record settings that the sampler chose, if they are new. With workers, it is a few batches ahead."""
        chosen, measured = self.sampler.chosen, self.history.measured
        if chosen is None:
            return
        found = {"n_neighbors": float(chosen.n_neighbors), "restart": chosen.restart}
        if self.codes is None and not paired:
            found["estimated_false_negatives"] = chosen.false_negative_rate
        if any(not measured[name] or measured[name][-1][1] != value for name, value in found.items()):
            for name, value in found.items():
                measured[name].append((len(self.history), value))

    def state_dict(self) -> dict:
        """Return the history and the last step of each instance, for the coverage (numbers and tensors only)."""
        return {
            "columns": {name: torch.from_numpy(np.array(values)) for name, values in self.history.columns.items()},
            "measured": self.history.measured,
            "last_seen": torch.from_numpy(self.coverage.last_seen),
        }

    def load_state_dict(self, state: dict) -> None:
        """Resume where `state_dict` was taken, or raise and change nothing."""
        history = History.from_state(state)
        last_seen = _checks.shape("last_seen", state["last_seen"].numpy(), (self.sampler.n,), "one per instance")
        self.history = history
        self.coverage.load(last_seen.copy(), len(history))


def add_staleness(history: History, sampler: BatchSampler) -> None:
    """Add the staleness of the sampler's graph to a history, if there is a graph and all its embeddings."""
    planner = getattr(sampler, "planner", sampler)  # the sampler inside `DistributedBatches`
    graph, bank = (getattr(planner, name, None) for name in ("graph", "bank"))
    if graph is not None and bank is not None and bank.whole:  # otherwise, other processes hold some embeddings
        history.staleness.append((len(history), graph_staleness(graph, bank.vectors).value))


def _mean_cosine(*sides: Tensor) -> float:
    """Return the mean cosine similarity of rows i != j of one side (B, d), or between two sides; NaN if B is 1."""
    rows = F.normalize(torch.stack(sides).float(), dim=2)
    first, second, n = rows[0], rows[-1], rows.shape[1]
    if n < 2:
        return float("nan")
    total = torch.vdot(first.sum(0), second.sum(0))
    return (total - torch.vdot(first.flatten(), second.flatten())).item() / (n * (n - 1))
