"""What can be known before training: the batches of each dose of the study, after an epoch of shuffled batches.

A model learns for one epoch, or 500 steps if that is more. The data are then embedded as the model sees them when it is
tested, and batches of every dose drawn and measured. These figures are the axes of the study's pictures. Those of a
training's own steps would not do: batch normalisation makes the mean similarity within a batch nearly zero, whatever
is in it.
"""

import argparse
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks import modality, study
from benchmarks.doses import CONSTANT, doses
from toolkit import UniformBatchSampler
from toolkit.datasets.graphs import GraphViews
from toolkit.evaluation import embed
from toolkit.evaluation.embedding import encode_all
from toolkit.metrics import batch_hardness, batch_variety, false_negative_rate, loss_gap
from toolkit.proximity import join_pairs
from toolkit.proximity.false_negatives import Counter
from toolkit.samplers import BatchSampler, Budget
from toolkit.training import Task, train

RESULTS = modality.RESULTS / "forecast.csv"
STEPS = 500
MEMBERS, GAP_MEMBERS = 8192, 1024  # of the batches that are measured
TEMPERATURE = 0.1  # of the loss gap, the same for all


def embedded(task: Task, loss: str) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return embeddings of the training data after an epoch, and for pairs those of their targets."""
    torch.manual_seed(0)
    model = task.make_model(loss)
    optimizer, scheduler = task.make_optimizer(model) if task.make_optimizer else (None, None)
    sampler = UniformBatchSampler(task.dataset, task.batch_size, seed=0)
    settings = {"optimizer": optimizer, "scheduler": scheduler, "progress": False} | task.training
    train(model, task.dataset, sampler, min(max(len(sampler), STEPS), task.steps), **settings)
    data = task.dataset
    if hasattr(data, "queries"):
        return encode_all(model, model.encode_queries, data.queries), encode_all(
            model, model.encode_targets, data.targets
        )
    source = data.graphs if isinstance(data, GraphViews) else getattr(data, "images", data)
    return embed(model, source, projected=hasattr(model, "project"))[0], None


def figures(sampler: BatchSampler, queries, targets, counter: Counter, labels, gap_members: int = GAP_MEMBERS) -> dict:
    """Return what the batches of a sampler of known embeddings are like; the loss gap is that of some of them."""
    batches = [batch for batch in islice(sampler, max(MEMBERS // sampler.batch_size, 1)) if len(batch) > 1]
    some = batches[: max(gap_members // sampler.batch_size, 1)]
    return {
        "batch_size": sampler.batch_size,
        "n": len(queries),
        "hardness": batch_hardness(batches, queries, targets).value,
        "false_negatives": np.nan if labels is None else false_negative_rate(batches, labels).value,
        "estimated_false_negatives": counter.rates([*map(np.asarray, batches)]).mean(),
        "loss_gap": loss_gap(some, queries, targets, TEMPERATURE).value,
        "variety": batch_variety(some, queries, targets).value,
    }


def measure(name: str, root: Path | None) -> list[dict]:
    """Return the figures of each dose of a training."""
    trial, task = study.TRIALS[name], study.task_of(name, root)
    queries, targets = embedded(task, trial.loss)
    kinds, rules = doses(len(queries), task.batch_size, task.steps), task.sampler_settings["uniform"]
    known = {} if targets is None else {"targets": targets}
    unit = torch.nn.functional.normalize(queries) if targets is None else join_pairs(queries, targets)
    counter = Budget().counter(unit, targets is not None, 0)
    rows = []
    for dose in trial.doses:
        if dose not in CONSTANT:
            continue
        extra = known if kinds[dose].takes("refresh_every") else {}
        sampler = kinds[dose].from_embeddings(queries, task.batch_size, seed=0, **extra, **rules)
        rows.append({"trial": name, "sampler": dose} | figures(sampler, queries, targets, counter, task.labels))
        print(pd.DataFrame(rows[-1:]).to_string(index=False, header=len(rows) == 1), flush=True)
    return rows


def main(arguments: list[str] | None = None) -> None:
    """Measure what is missing and write it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.forecast", description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, metavar="ROOT", help="folder of the data sets (default: TOOLKIT_DATA)")
    parser.add_argument("--trials", nargs="+", choices=tuple(study.TRIALS), default=tuple(study.TRIALS), metavar="NAME")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    for name in options.trials:
        found = pd.read_csv(RESULTS) if RESULTS.exists() else pd.DataFrame({"trial": []})
        if name not in set(found.trial):
            rows = pd.DataFrame(measure(name, options.data))
            pd.concat([found, rows] if len(found) else [rows]).to_csv(RESULTS, index=False, float_format="%.6g")


if __name__ == "__main__":
    main()
