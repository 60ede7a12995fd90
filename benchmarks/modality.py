"""What the benchmarks of the three modalities share: options, runs, the table of ``benchmarks/README.md``."""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from benchmarks import report
from toolkit.samplers.registry import SAMPLERS, SamplerKind
from toolkit.training.comparison import UNTRAINED, Comparison, Task, compare

RESULTS = Path(__file__).parent / "results"
LOSSES = {"infonce": "InfoNCE", "dcl": "DCL", "hcl": "HCL"}
COLUMNS = (
    *("loss", "sampler", "runs", "mean ± deviation", "difference from uniform, 95 % interval"),
    *("false negatives", "hardness", "sampler's share of time"),
)


@dataclass(frozen=True)
class Modality:
    """A benchmark: what can be compared, and how a task is made of it.

    Attributes
    ----------
    name : str
        Name shared by the module, its folder of results and its section in the README.
    sets, models : tuple of str
        By default all of these are run.
    presets : mapping of str to preset
        With attributes `steps` and `seeds`; the first is the default.
    make_task : callable
        Called with the names of a set and of a model, a preset and the folder of the data (None for the usual one).
    more_samplers : mapping of str to SamplerKind
        Samplers besides those of `toolkit.samplers.registry`.
    reference : str, optional
        A further model that `make_task` knows, to test untrained, once: raw pixels.
    cells : callable
        Called with a model, the samplers and the losses asked for; returns the samplers and losses to run it with.
    more : callable
        Called with the results, returns text to go beneath the table.
    """

    name: str
    sets: tuple[str, ...]
    models: tuple[str, ...]
    presets: Mapping[str, object]
    make_task: Callable[[str, str, object, Path | None], Task]
    more_samplers: Mapping[str, SamplerKind] = field(default_factory=dict)
    reference: str | None = None
    cells: Callable = lambda model, samplers, losses: (samplers, losses)
    more: Callable[[Comparison], str] = lambda result: ""


def main(modality: Modality, description: str, arguments: list[str] | None = None) -> None:
    """Run what the command line asks for, print it, refresh the README."""
    options = parse(modality, description, arguments)
    preset = modality.presets[options.preset]
    if options.steps:
        preset = replace(preset, steps=options.steps)
    seeds = preset.seeds if options.seeds is None else options.seeds
    for name in options.sets:
        if modality.reference:
            task = modality.make_task(name, modality.reference, preset, options.data)
            compare(task, [UNTRAINED], seeds=[0], out=options.out)
        for model in options.models:
            task = modality.make_task(name, model, preset, options.data)
            compare(task, [UNTRAINED], seeds=seeds, out=options.out)
            compare(task, *modality.cells(model, options.samplers, options.losses), seeds, options.out)
    result = Comparison.read(options.out)
    text = "\n\n".join(filter(None, (table(result), modality.more(result))))
    print(text)
    if options.out == _results(modality):
        report.refresh(modality.name, text)


def sampler_settings(**settings) -> dict[str, dict]:
    """Return for each sampler in the registry those of the settings that it takes."""
    return {
        name: {setting: value for setting, value in settings.items() if kind.takes(setting)}
        for name, kind in SAMPLERS.items()
    }


def table(result: Comparison) -> str:
    """Return the results as Markdown: one table for each data set, model and settings; values in points."""
    summary = result.summary()
    differences = result.differences() if "uniform" in set(summary.sampler) else None
    trained = set(summary[summary.sampler != UNTRAINED].model)
    lines = []
    for (name, model, settings), part in summary.groupby(["set", "model", "settings"], sort=False):
        runs = part[part.sampler != UNTRAINED]
        if runs.empty:
            continue
        steps, metric = runs.iloc[0][["steps", "metric"]]
        lines += [f"**{name}, {model}** ({settings}; {steps:,} steps; {metric}, in points)", ""]
        lines += ["| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
        lines += [_line(run, differences) for _, run in runs.iterrows()]
        untrained = summary[(summary.set == name) & (summary.settings == settings) & (summary.sampler == UNTRAINED)]
        for _, run in untrained.iterrows():
            what = UNTRAINED if run.model == model else run.model
            if run.model == model or run.model not in trained:
                lines.append(f"|  | {what} | {run.runs} | {points(run['mean'], run.deviation)} |" + "  |" * 4)
        lines.append("")
    return "\n".join(lines).strip()


def _line(run: pd.Series, differences: pd.DataFrame | None) -> str:
    """Return the row of one sampler."""
    cells = [
        LOSSES.get(run.loss, run.loss.upper()),
        sampler_name(run.sampler),
        run.runs,
        points(run["mean"], run.deviation),
        "" if differences is None else _difference(run, differences),
        "" if pd.isna(run.false_negative_rate) else f"{run.false_negative_rate:.1%}",
        f"{run.hardness:.3f}",
        f"{run.sampler_seconds / run.seconds:.1%}",
    ]
    return "| " + " | ".join(map(str, cells)) + " |"


def _difference(run: pd.Series, differences: pd.DataFrame) -> str:
    """Return the difference of one sampler to uniform batches, with its interval if there is one."""
    same = differences
    for column in ("set", "model", "loss", "settings", "steps", "metric", "sampler"):
        same = same[same[column] == run[column]]
    if same.empty:
        return ""
    pair = same.iloc[0]
    interval = f" ({100 * pair.low:+.2f} to {100 * pair.high:+.2f})" if pair.runs > 1 else ""
    return f"{100 * pair.difference:+.2f}{interval}"


def sampler_name(sampler: str) -> str:
    """Return a sampler's name as it is written."""
    return SAMPLERS[sampler].label if sampler in SAMPLERS else sampler.replace("_", " ").capitalize()


def points(mean: float, deviation: float) -> str:
    """Return a mean and a deviation, if there is one, in points."""
    return f"{100 * mean:.2f}" + ("" if pd.isna(deviation) else f" ± {100 * deviation:.2f}")


def _results(modality: Modality) -> Path:
    return RESULTS / f"{modality.name}.csv"


def parse(modality: Modality, description: str, arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line, or end the program with a message."""
    kinds = SAMPLERS | modality.more_samplers
    samplers = tuple(name for name, kind in kinds.items() if kind.default)
    options = parser(modality.name, description, modality.models, tuple(kinds), tuple(modality.presets))
    options.set_defaults(
        sets=modality.sets, models=modality.models, samplers=samplers, losses=tuple(LOSSES), out=_results(modality)
    )
    return options.parse_args(arguments)


def parser(
    name: str, description: str, models: tuple[str, ...], samplers: tuple[str, ...], presets: tuple[str, ...]
) -> argparse.ArgumentParser:
    """Return the parser of the options that all benchmarks share; the first preset is the default."""
    shared = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    several = {"nargs": "+", "metavar": "NAME"}
    shared.add_argument("--data", type=Path, metavar="ROOT", help="folder of the data sets (default: TOOLKIT_DATA)")
    shared.add_argument("--sets", **several)
    shared.add_argument("--models", choices=models, **several)
    shared.add_argument("--samplers", choices=samplers, **several)
    shared.add_argument("--losses", choices=tuple(LOSSES), **several)
    shared.add_argument("--seeds", type=int, nargs="+", metavar="N", help="default: the preset's")
    shared.add_argument("--steps", type=int, metavar="N", help="default: the preset's")
    shared.add_argument("--preset", default=presets[0], choices=presets)
    shared.add_argument("--out", type=Path, metavar="FILE", help="CSV; rows are added")
    return shared
