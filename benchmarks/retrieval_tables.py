"""Tables of the comparison on pairs: gains over uniform batches, time to reach uniform's best score, the map."""

import pandas as pd

from benchmarks.modality import sampler_name
from toolkit.training.comparison import Comparison

COLUMNS = (
    *("sampler", "runs", "relative difference from uniform, 95 % interval"),
    "steps to reach uniform's best score (ratio to uniform)",
    *("training time to reach it (ratio to uniform)", "runs that reached it"),
)

MAP_LABELS = {
    "walk_100_1000": "K / M = 10 %",
    "walk_20_2000": "1 %",
    "walk_10_5000": "0.2 %",
    "walk_10_5000_margin": "0.2 %, margin",
    "walk_10_5000_skip": "0.2 %, skip",
    "walk_10_5000_groups": "0.2 %, groups",
    "uniform_groups": "shuffled, groups",
}


def map_cells(result: Comparison) -> pd.DataFrame:
    """Return the cells of the map in the order of its rows and columns, with the hardness of their batches."""
    cells = result.differences().merge(result.summary())
    cells["B"] = cells.settings.str.extract(r"B=(\d+),", expand=False).astype(int)
    cells["batches"] = pd.Categorical(cells.sampler.map(MAP_LABELS), MAP_LABELS.values())
    return cells.sort_values(["set", "B", "batches"])


def map_table(result: Comparison) -> str:
    """Return the map as Markdown: one line for each cell."""
    columns = ("set", "B", "batches", "runs", "false negatives", "hardness", "relative difference, 95 % interval")
    lines = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    for _, cell in map_cells(result).iterrows():
        gain = _interval(cell, "percent", "percent", "+.1f", " %")
        found = f"{cell.false_negative_rate:.2%} | {cell.hardness:.3f} | {gain}"
        lines.append(f"| {cell['set']} | {cell.B} | {cell.batches} | {cell.runs} | {found} |")
    return "\n".join(lines)


def ratios(result: Comparison) -> str:
    """Return differences in percent of uniform's mean, and the time to reach uniform's best score, as Markdown."""
    if "uniform" not in set(result.to_frame().sampler):
        return ""
    differences = result.differences()
    if differences.empty:
        return ""
    keys = ["set", "model", "loss", "settings", "steps", "metric", "sampler"]
    has_curves = not result.curves().empty
    found = (
        differences.merge(result.steps_to_best(), "left", keys, suffixes=("", "_curve")) if has_curves else differences
    )
    lines = []
    for (name, model, settings, metric), part in found.groupby(["set", "model", "settings", "metric"], sort=False):
        columns = COLUMNS if has_curves else COLUMNS[:3]
        lines += [f"**{name}, {model}, relative to uniform** ({settings}; {metric})", ""]
        lines += ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
        lines += [_line(row, has_curves) for _, row in part.iterrows()]
        lines.append("")
    return "\n".join(lines).strip()


def _line(row: pd.Series, has_curves: bool) -> str:
    cells = [sampler_name(row.sampler), str(row.runs), _interval(row, "percent", "percent", "+.1f", " %")]
    if has_curves and pd.isna(row.reached):
        cells += ["", "", ""]
    elif has_curves:
        bound = "" if row.reached == row.runs_curve else "at least "
        cells += [bound + _interval(row, f"{unit}_ratio", unit, ".2f") for unit in ("steps", "seconds")]
        cells.append(f"{row.reached:.0f} of {row.runs_curve:.0f}")
    return "| " + " | ".join(cells) + " |"


def _interval(row: pd.Series, mean: str, prefix: str, form: str, unit: str = "") -> str:
    text = f"{row[mean]:{form}}{unit}"
    low, high = row[f"{prefix}_low"], row[f"{prefix}_high"]
    return text if pd.isna(low) else f"{text} ({low:{form}} to {high:{form}})"
