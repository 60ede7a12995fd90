"""The study's tables and pictures: gain against hardness, and what predicts it before training.

usage: python -m benchmarks.study_tables
"""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks import forecast, report, study
from benchmarks import study_pictures as pictures
from benchmarks.doses import LABELS
from toolkit.training.comparison import Comparison

MOST_SEEDS = 100
FIGURES = Path(__file__).parents[1] / "docs" / "study"
# Known before a training: what a dose adds to a shuffle's figure, or takes from it, and what the task is like.
FEATURES = {
    "hardness": "hardness over a shuffle's",
    "estimated_false_negatives": "estimated false negatives over a shuffle's",
    "loss_gap": "loss gap below a shuffle's",
    "chance": "a shuffle's estimated false negatives",
}


def gains(result: Comparison, known: pd.DataFrame) -> pd.DataFrame:
    """Return the doses of all trials: their gain in percent of a shuffle's result, and what was known before."""
    summary = result.summary()
    differences = result.differences().drop(columns="runs")
    found = summary.merge(differences, "left").assign(trial=lambda rows: rows.apply(trial_of, axis=1))
    found = found.merge(known, "left", ["trial", "sampler"], suffixes=("_in_training", ""))
    found["order"] = found.sampler.map({name: place for place, name in enumerate(LABELS)})
    found["place"] = found.trial.map({name: place for place, name in enumerate(study.TRIALS)})
    return found.sort_values(["place", "order"], ignore_index=True)


def pooled(result: Comparison) -> Comparison:
    """Return results with all pairs of code as one set, though each machine has other versions of the packages.

    Differences stay between runs on the same pairs: the seeds of each version count as seeds of their own.
    """
    runs = result.to_frame()
    code = runs["set"] == "code"
    versions = sorted(runs[code].settings.unique())
    if len(versions) > 1:
        runs.loc[code, "seed"] += MOST_SEEDS * runs[code].settings.map(versions.index)
        sizes = [version.split()[1] for version in versions]
        runs.loc[code, "settings"] = versions[0].replace(sizes[0], f"{sizes[0]} to {sizes[-1]}")
    return Comparison(runs)


def trial_of(row: pd.Series) -> str:
    """Return the name of the trial that a row of results is of."""
    return row["set"] if row["set"] in study.TRIALS else f"{row['set']} {row.model}"


def table(doses: pd.DataFrame) -> str:
    """Return the doses as Markdown, a table for each trial."""
    parts = []
    for trial, rows in doses.groupby("trial", sort=False):
        first = rows.iloc[0]
        lines = {
            "batches": rows.sampler.map(LABELS),
            "hardness": rows.hardness.map(_number("{:.3f}")),
            "false negatives": [
                f"{row.false_negative_rate:.1%}"
                if pd.notna(row.false_negative_rate)
                else _number("{:.1%} (estimated)")(row.estimated_false_negatives)
                for row in rows.itertuples()
            ],
            "loss gap": rows.loss_gap.map(_number("{:.2f}")),
            "variety": rows.variety.map(_number("{:.1f}")),
            "runs": rows.runs,
            first.metric: rows["mean"].map(report.points),
            "gain over a shuffle": [report.gain(row) for row in rows.itertuples()],
        }
        parts += [f"**{trial}** ({first.settings}, {first.steps:,} steps)", report.markdown(pd.DataFrame(lines))]
        if pictures.is_drawn(rows):
            parts.append(f"![{trial}: {first.metric} against hardness](../docs/study/{pictures.name(trial)})")
    return "\n\n".join(parts)


def _number(form: str):
    return lambda value: "" if pd.isna(value) else form.format(value)


def known_before(doses: pd.DataFrame) -> pd.DataFrame:
    """Return the doses with a gain and what could be known of it before."""
    some = doses.dropna(subset=["percent", "hardness"]).copy()
    shuffles = doses[doses.sampler == "uniform"].set_index("trial")
    for name in ("hardness", "estimated_false_negatives", "loss_gap"):
        some[name] -= some.trial.map(shuffles[name])
    some["loss_gap"] *= -1
    some["chance"] = some.trial.map(shuffles.estimated_false_negatives)
    return some


def leave_one_out(some: pd.DataFrame, names: list[str]) -> np.ndarray:
    """Return the gain of each dose as predicted from all other trials."""
    predicted = np.empty(len(some))
    for trial in some.trial.unique():
        own = (some.trial == trial).to_numpy()
        machine = make_pipeline(StandardScaler(), Ridge(1.0)).fit(some[names][~own], some.percent[~own])
        predicted[own] = machine.predict(some[names][own])
    return predicted


def prediction(doses: pd.DataFrame) -> str:
    """Return how often the sign of a gain is right, predicted from all other trials, as Markdown."""
    some = known_before(doses)
    if some.trial.nunique() < 3:
        return ""
    clear = (some.percent_low > 0) | (some.percent_high < 0)
    ways = {label: [name] for name, label in FEATURES.items()} | {"all four": list(FEATURES)}
    lines = [
        {
            "predicted from": "always a gain",
            "right": np.mean(some.percent > 0),
            "clear": _share(some.percent > 0, clear),
        }
    ]
    for label, names in ways.items():
        right = (leave_one_out(some, names) > 0) == (some.percent > 0)
        lines.append({"predicted from": label, "right": right.mean(), "clear": _share(right, clear)})
    shown = pd.DataFrame(lines)
    shown["right"] = shown.right.map("{:.0%}".format)
    shown.columns = [
        "predicted from",
        f"sign right, {len(some)} doses",
        f"of the {clear.sum()} significant ones",
    ]
    return f"Leave-one-task-out ({some.trial.nunique()} tasks):\n\n{report.markdown(shown)}"


def _share(right: pd.Series, clear: pd.Series) -> str:
    return f"{right[clear].mean():.0%}" if clear.any() else ""


def main() -> None:
    """Write the tables into the README and the pictures into docs."""
    result = pooled(Comparison.read(study.RESULTS))
    doses = gains(result, pd.read_csv(forecast.RESULTS))
    whole = sum(trial.seeds * len(trial.doses) for trial in study.TRIALS.values())
    progress = f"{int(doses.runs.sum())} of {whole} runs so far."
    text = "\n\n".join(filter(None, (progress, table(doses), prediction(doses))))
    print(text)
    report.refresh("study", text)
    FIGURES.mkdir(exist_ok=True)
    runs = result.to_frame()
    trials, shuffled = runs.apply(trial_of, axis=1), runs.sampler == "uniform"
    for trial, rows in doses.groupby("trial", sort=False):
        if pictures.is_drawn(rows):
            figure = pictures.draw(trial, rows, runs.value[shuffled & (trials == trial)])
            figure.savefig(FIGURES / pictures.name(trial), dpi=110)


if __name__ == "__main__":
    main()
