"""Second table of the comparison on pairs: gains relative to uniform batches, and how soon their best is reached."""

import pandas as pd

from benchmarks.modality import sampler_name
from toolkit.training.comparison import Comparison

COLUMNS = (
    *("sampler", "runs", "relative difference to uniform, 95 % interval"),
    *("steps to uniform's best / its steps", "training time to it / its time", "runs that reached it"),
)


def ratios(result: Comparison) -> str:
    """Return differences in percent of uniform's mean, with steps and time to uniform's best, as Markdown."""
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
