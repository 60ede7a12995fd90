"""Compare samplers on pairs: retrieval after the same number of steps, in five stages.

--stage compare   the table and its curves: settings chosen before, test queries
--stage tune      temperatures and learning rates, on development queries
--stage map       when it pays: batch sizes, neighbours of the walk, shared targets, rules; on development queries
--stage budget    how many false negatives a walk may choose, at two batch sizes; on development queries
--stage rivals    every published way to choose batches: three settings each on development queries, the best on test
"""

import argparse
import os
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import product
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks import modality, report
from benchmarks.modality import table
from benchmarks.presets import (
    BUDGETS,
    CHOSEN,
    CURVE,
    PAIR_SAMPLERS,
    PAIR_WALKS,
    RETRIEVAL,
    RIVALS,
    RetrievalPreset,
    budget_walk,
)
from benchmarks.retrieval_models import MODELS
from benchmarks.retrieval_rivals import SAMPLER_OF, TRIALS, TUNING_SEED, best_trials, rivals_table
from benchmarks.retrieval_tables import map_table, ratios
from toolkit.datasets import pairs
from toolkit.datasets.pairs import PairData, Pairs, RetrievalSet
from toolkit.evaluation import retrieve
from toolkit.samplers import SAMPLERS, RandomWalkBatchSampler
from toolkit.samplers.registry import SamplerKind
from toolkit.training.comparison import UNTRAINED, Comparison, compare
from toolkit.training.task import Task

# Named one by one, so that all runs have the same pairs whatever else is installed.
PACKAGES = (
    *("accelerate", "anywidget", "datasets", "faiss-cpu", "filelock", "ipywidgets", "jupyterlab", "llvmlite"),
    *("matplotlib", "networkx", "numba", "numpy", "pandas", "pillow", "scikit-learn", "scipy", "sentence-transformers"),
    *("tokenizers", "torch", "torch-geometric", "torchvision", "tqdm", "traitlets", "transformers", "umap-learn"),
)
SETS = {
    "dictionary": pairs.bundled,
    "hypernyms": partial(pairs.bundled, "hypernym"),
    "code": partial(pairs.code, [sysconfig.get_path("stdlib"), *PACKAGES], limit=None),
}
WALKS = {
    name: SamplerKind(name, modality.sampler_name(name), "#56B4E9", RandomWalkBatchSampler, settings)
    for name, settings in (PAIR_WALKS | {budget: {} for budget in BUDGETS}).items()
}
KINDS = {name: SamplerKind(name, k.label, k.color, k.cls, PAIR_SAMPLERS.get(name, {})) for name, k in SAMPLERS.items()}
KINDS |= WALKS | {"uniform_groups": KINDS["uniform"]}
KINDS |= {
    name: replace(SAMPLERS[sampler], name=name, settings=TRIALS[name], default=True)
    for name, sampler in SAMPLER_OF.items()
}
# Of benchmarks/README.md.
SECTIONS = ("retrieval", *(f"retrieval {name}" for name in ("minilm", "map", "budget", "rivals")))
TESTED = ("compare", "rivals")  # the stages that look at test queries
GROUPED = ("uniform_groups", "walk_10_5000_groups")  # in the map; elsewhere all samplers keep groups apart
RULES = ("restart", "skip", "margin")  # settings of the map's walks that their names don't say


@cache
def load(name: str, model: str, root: Path | None) -> PairData:
    """Return a data set as a model takes it."""
    return MODELS[model].load(SETS[name], name, root)


@dataclass(frozen=True)
class Cell:
    """What the runs of one comparison have in common, except temperature and learning rate."""

    name: str
    model: str
    stage: str
    batch_size: int
    steps: int


def make_task(cell: Cell, data: PairData, choice: dict, settings: str) -> Task:
    """Return the task of some samplers, the keys of `choice`, which share a temperature and a learning rate."""
    ((temperature, rate),) = set(choice.values())
    curve = partial(mrr, data.dev.first(CURVE["queries"])) if cell.stage == "compare" else None
    return Task(
        name=cell.name,
        model=cell.model,
        dataset=data.train,
        steps=cell.steps,
        batch_size=cell.batch_size,
        make_model=lambda loss: MODELS[cell.model].make(data, temperature, loss),
        evaluate=partial(evaluate, data, cell.stage, {"temperature": temperature, "rate": rate}),
        make_optimizer=lambda network: (MODELS[cell.model].optimizer(network, rate), None),
        settings=settings,
        training={"checkpoint_every": 2000},
        labels=data.train.groups if cell.stage == "map" else None,
        samplers={sampler: KINDS[sampler] for sampler in choice},
        sampler_settings={sampler: sampler_settings(cell, data.train, sampler) for sampler in choice},
        curve=curve,
        curve_every=CURVE["every"],
    )


def sampler_settings(cell: Cell, train: Pairs, sampler: str) -> dict:
    """Return settings that follow from the pairs or batches: groups, in the map only by name; when to plan again."""
    groups = {"groups": train.groups} if cell.stage != "map" or sampler in GROUPED else {}
    if sampler in BUDGETS:
        return groups | budget_walk(sampler, cell.batch_size)
    if cell.stage == "rivals":
        return groups | RIVALS[cell.batch_size][SAMPLER_OF[sampler]][sampler]
    every_epoch = cell.stage == "map" and KINDS[sampler].takes("refresh_every")
    return groups | ({"refresh_every": max(len(train) // cell.batch_size, 1)} if every_epoch else {})


def mrr(held_out: RetrievalSet, model: nn.Module) -> float:
    """Return MRR@10."""
    return retrieve(model, held_out).value


def evaluate(data: PairData, stage: str, chosen: dict[str, float], model: nn.Module) -> dict[str, float]:
    """Return MRR@10, NDCG@10 and recall@10, in the stages `TESTED` on test queries, else on development queries.

    What was `chosen` for the run goes into its row as well.
    """
    dev = retrieve(model, data.dev)
    test = retrieve(model, data.test) if stage in TESTED else dev
    found = {"ndcg@10": test.ndcg, "recall@10": test.recall[10], "dev MRR@10": dev.value}
    return {"MRR@10" if stage in TESTED else "MRR@10 on development queries": test.value} | found | chosen


def tasks(name: str, model: str, options: argparse.Namespace, preset: RetrievalPreset) -> Iterator[Task]:
    """Yield the tasks of a data set and a model: one for each cell, and for samplers that need other settings."""
    data = load(name, model, options.data)
    if preset.pairs is not None:
        data = replace(data, train=some_pairs(data.train, preset.pairs))
    grid = list(product(options.temperatures, options.rates))
    for batch_size in options.batch_sizes:
        chosen = CHOSEN.get((name, model, batch_size), CHOSEN[name, model])
        samplers = samplers_of(options, batch_size)
        own = {sampler: chosen.get(sampler, chosen["uniform"]) for sampler in samplers}
        for choice in [dict.fromkeys(samplers, cell) for cell in grid] or [own]:
            cell = Cell(name, model, options.stage, batch_size, options.steps or preset.steps[batch_size])
            fits = fitting(cell, data.train, choice)
            settings = describe(cell, data, fits if grid else chosen)
            for shared in dict.fromkeys(fits.values()):
                some = {sampler: value for sampler, value in fits.items() if value == shared}
                yield make_task(cell, data, some, settings)


def samplers_of(options: argparse.Namespace, batch_size: int) -> list[str]:
    """Return the samplers that were asked for; of the rivals, only trials with this batch size."""
    if options.stage != "rivals":
        return options.samplers
    tried = {trial for trials in RIVALS[batch_size].values() for trial in trials}
    return [name for name in options.samplers if name in tried]


def fitting(cell: Cell, train: Pairs, choice: dict) -> dict:
    """Return those samplers of a choice that can keep the groups of the pairs apart; say which others there are."""
    largest = largest_group(train)
    too_large = largest > len(train) // cell.batch_size
    fits = {key: value for key, value in choice.items() if not (too_large and key in GROUPED)}
    if len(fits) < len(choice):
        print(f"{cell.name}, B = {cell.batch_size}: not run with groups, of which one has {largest} pairs")
    return fits


def some_pairs(train: Pairs, n: int) -> Pairs:
    """Return n pairs drawn at random, always the same."""
    rows = np.sort(np.random.default_rng(0).permutation(len(train))[:n])
    groups = None if train.groups is None else train.groups[rows]
    return Pairs(train.queries.select(rows), train.targets.select(rows), groups)


def largest_group(train: Pairs) -> int:
    """Return the size of the largest group of training pairs."""
    return int(np.bincount(train.groups).max()) if train.groups is not None else 1


def describe(cell: Cell, data: PairData, chosen: dict) -> str:
    """Return the settings of runs as they stand in the results: all that differs between runs of one name."""
    if cell.stage == "compare":
        text = f"B={cell.batch_size}, temperature and rate tuned for each sampler"
        for label, walk in {"walk": PAIR_SAMPLERS["random_walk"], "published": PAIR_WALKS["published_walk"]}.items():
            text += f", {label} M={walk['n_candidates']} K={walk['n_neighbors']} restart={walk['restart']}"
    else:
        temperature, rate = next(iter(chosen.values()))
        text = f"B={cell.batch_size}, t={temperature:g}, rate={rate:g}"
    if cell.stage == "map":
        rules = {name: value for walk in PAIR_WALKS.values() for name, value in walk.items() if name in RULES}
        text += "".join(f", {name}={value}" for name, value in rules.items()) + ", a graph every epoch"
    else:
        text += ", groups"
    return f"{text}, {len(data.train)} pairs of {data.source}"


def main(arguments: list[str] | None = None) -> None:
    """Run what the command line asks for, print it, refresh the README."""
    options = parse(arguments)
    torch.set_num_threads(1)
    preset = RETRIEVAL[options.stage]
    for name, model in product(options.sets, options.models):
        cells = list(tasks(name, model, options, preset))
        if options.stage == "compare":
            compare(cells[0], [UNTRAINED], options.losses, options.seeds[:1], options.out)
        if options.stage == "rivals":
            compare_rivals(cells, options)
        else:
            compare(cells, None, options.losses, options.seeds, options.out)
    result = with_short_settings(Comparison.read(options.out))
    text = TABLES.get(options.stage, full_table)(result)
    print(text)
    section = options.out.stem.replace("_", " ")
    if section in SECTIONS and options.out == results_file(options.stage, options.models):
        report.refresh(section, text)


def compare_rivals(cells: list[Task], options: argparse.Namespace) -> None:
    """Try all settings with one seed, then run the best of each sampler with the other seeds."""
    compare(cells, None, options.losses, [TUNING_SEED], options.out)
    runs = Comparison.read(options.out).to_frame()
    others = [seed for seed in options.seeds if seed != TUNING_SEED]
    for task in cells:
        own = runs[(runs["set"] == task.name) & (runs.model == task.model) & (runs.steps == task.steps)]
        best = best_trials(own[own.settings == task.settings])
        compare(task, [name for name in best if name in task.samplers], options.losses, others, options.out)


def full_table(result: Comparison) -> str:
    """Return means and differences, then gains relative to uniform batches, as Markdown."""
    return "\n\n".join(filter(None, (table(result), ratios(result))))


TABLES = {"map": map_table, "rivals": rivals_table}


def with_short_settings(result: Comparison) -> Comparison:
    """Return results without the versions of all packages that code was taken from; the file has them."""
    runs = result.to_frame()
    runs["settings"] = runs.settings.str.replace(r"(of Python \S+)(, \S+ \S+)+$", r"\1 and its packages", regex=True)
    return Comparison(runs)


def results_file(stage: str, models: Sequence[str] = ("static",)) -> Path:
    """Return the usual file of a stage's results; other models' curves have other steps, so other columns."""
    parts = ["retrieval"] if stage == "compare" else ["retrieval", stage]
    if stage == "compare" and [*models] != ["static"]:
        parts += models
    return modality.RESULTS / f"{'_'.join(parts)}.csv"


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line, those not given from the stage, or end the program with a message."""
    parser = modality.parser("retrieval", __doc__ or "", tuple(MODELS), tuple(KINDS), tuple(RETRIEVAL))
    parser.add_argument("--stage", dest="preset", choices=tuple(RETRIEVAL), help="another name of --preset")
    parser.add_argument("--batch-sizes", type=int, nargs="+", metavar="B", help="default: the stage's")
    parser.add_argument("--temperatures", type=float, nargs="+", metavar="T", help="default: the stage's, or as chosen")
    parser.add_argument("--rates", type=float, nargs="+", metavar="R", help="learning rates; default: likewise")
    parser.set_defaults(losses=["infonce"], models=["static"])
    options = parser.parse_args(arguments)
    options.stage, preset = options.preset, RETRIEVAL[options.preset]
    for name in ("sets", "samplers", "seeds", "batch_sizes", "temperatures", "rates"):
        if getattr(options, name) is None:
            setattr(options, name, getattr(preset, name))
    unknown = sorted({*options.sets} - {*SETS})
    if unknown:
        parser.error(f"argument --sets: invalid choice: {unknown[0]!r} (choose from {', '.join(SETS)})")
    untried = [size for size in options.batch_sizes if options.stage == "rivals" and size not in RIVALS]
    if untried:
        parser.error(f"argument --batch-sizes: no trials with {untried[0]} (choose from {', '.join(map(str, RIVALS))})")
    missing = [size for size in options.batch_sizes if size not in preset.steps]
    if missing and not options.steps:
        parser.error(f"argument --batch-sizes: {missing[0]} has no number of steps in this stage: give --steps")
    if bool(options.temperatures) != bool(options.rates):
        parser.error("arguments --temperatures and --rates go together")
    options.out = options.out or results_file(options.stage, options.models)
    return options


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
