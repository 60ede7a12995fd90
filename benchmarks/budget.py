"""Budgets of false negatives: whether training stays within them, counted by labels.

Fashion-MNIST by SimCLR, and the dictionary of broader terms by bags of word pieces, are trained with the random walk
and a budget. The share of false negatives is averaged between two rebuilds of the graph, and compared with the budget.
Runs that were measured before are not repeated.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
import torch

from benchmarks import modality, report, study
from toolkit import RandomWalkBatchSampler
from toolkit.samplers import Budget
from toolkit.training import Task, train

BUDGETS = {"fashion_mnist simclr": (0.13, 0.2, 0.3), "hypernyms": (0.002, 0.005)}
RESULTS = modality.RESULTS / "budget.csv"
COVERAGES = ("independent", "partition")


@dataclass(frozen=True)
class Kept:
    """One training: the rates between rebuilds, and the budget."""

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


def make_task(name: str) -> Task:
    """Return a training of the study, or of another set of pairs."""
    return study.TRIALS[name].make(None) if name in study.TRIALS else study.pairs(name, None)


def kept(name: str, coverage: str, budget: float) -> Kept:
    """Train with one budget, after an epoch of shuffled batches."""
    task = make_task(name)
    labels = task.labels if task.labels is not None else task.dataset.groups
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
    rows = (
        pd.read_csv(RESULTS, dtype=str)
        if RESULTS.exists()
        else pd.DataFrame(columns=["training", "coverage", "budget"])
    )
    for name, budgets in BUDGETS.items():
        for coverage, budget in product(COVERAGES, budgets):
            if (rows[["training", "coverage", "budget"]] == [name, coverage, f"{budget:.1%}"]).all(axis=1).any():
                continue
            row = pd.DataFrame([kept(name, coverage, budget).row()])
            print(row.to_string(index=False), flush=True)
            rows = pd.concat([rows, row], ignore_index=True)
            rows.to_csv(RESULTS, index=False)
            report.refresh("budget", report.markdown(rows))


if __name__ == "__main__":
    main()
