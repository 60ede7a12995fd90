"""Budgets of false negatives: whether a training keeps to them, counted by labels.

Fashion-MNIST by SimCLR and the dictionary by bags of word pieces are trained with the random walk and a budget. The
share of false negatives is averaged between two rebuilds of the graph, and compared with the budget.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from benchmarks import report, study
from toolkit import RandomWalkBatchSampler
from toolkit.samplers import Budget
from toolkit.training import train

BUDGETS = {"fashion_mnist simclr": (0.13, 0.2, 0.3), "dictionary": (0.002, 0.005)}
COVERAGES = ("independent", "partition")


@dataclass(frozen=True)
class Kept:
    """One training: the rates between rebuilds, beside the budget."""

    name: str
    coverage: str
    budget: float
    hardness: float
    rates: np.ndarray

    def row(self) -> dict[str, str]:
        """Return a line of the table."""
        off = self.rates / self.budget - 1
        return {
            "training": self.name,
            "coverage": self.coverage,
            "budget": f"{self.budget:.1%}",
            "realised, mean": f"{self.rates.mean():.2%}",
            "lowest and highest between rebuilds": f"{off.min():+.0%} to {off.max():+.0%}",
            "hardness": f"{self.hardness:.3f}",
        }


def trainings() -> Iterator[Kept]:
    """Train with each budget."""
    for name, budgets in BUDGETS.items():
        task = study.TRIALS[name].make(None)
        labels = task.labels if task.labels is not None else task.dataset.groups
        for coverage in COVERAGES:
            for budget in budgets:
                yield kept(name, task, labels, coverage, budget)


def kept(name: str, task, labels, coverage: str, budget: float) -> Kept:
    """Train with one budget, after an epoch of shuffled batches."""
    torch.manual_seed(0)
    model = task.make_model("infonce")
    optimizer, scheduler = task.make_optimizer(model)
    n_batches = len(task.dataset) // task.batch_size
    every = n_batches // 2
    limits = Budget(budget, labels=labels)
    sizes = {"n_candidates": 1000, "n_neighbors": 400}
    sampler = RandomWalkBatchSampler(
        task.dataset, task.batch_size, **sizes, restart=limits, coverage=coverage, refresh_every=every
    )
    settings = task.training | {"optimizer": optimizer, "scheduler": scheduler, "labels": labels, "progress": False}
    history = train(model, task.dataset, sampler, task.steps, **settings)
    walked = history.to_frame().iloc[n_batches:]
    whole = walked.iloc[: len(walked) // every * every]
    rates = whole.false_negative_rate.to_numpy().reshape(-1, every).mean(1)
    return Kept(name, coverage, budget, walked.hardness.mean(), rates)


def main() -> None:
    """Train, print, write the table of `benchmarks/README.md`."""
    torch.set_num_threads(1)
    rows = []
    for found in trainings():
        rows.append(found.row())
        print(pd.DataFrame(rows[-1:]).to_string(index=False), flush=True)
    report.refresh("budget", report.markdown(pd.DataFrame(rows)))


if __name__ == "__main__":
    main()
