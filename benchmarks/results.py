"""The page docs/results.md: what helps where, by how much and at what cost, from the stored tables.

usage: python -m benchmarks.results
"""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from benchmarks import forecast, report, rivals, study
from benchmarks.modality import RESULTS, sampler_name
from benchmarks.presets import RIVALS
from benchmarks.ranking import against, ranking_table
from benchmarks.retrieval_rivals import SAMPLER_OF, TUNING_SEED, label, settings, tested
from benchmarks.study_tables import gains
from toolkit.training.comparison import Comparison
from toolkit.training.task import UNTRAINED

PAGE = Path(__file__).parents[1] / "docs" / "results.md"
WALK = "random_walk"
TASKS = {"dictionary": "From definition to word", "code": "From docstring to code"}
PAIRS = ("dictionary", "code")
DOSES = {
    "published": "published schedule",
    "walk_20_2000": "walk, 20 of 2,000",
    "walk_10_5000": "walk, 10 of 5,000",
    "knn": "kNN",
}
HEAD = """# Results

What helps where, by how much, and at what cost. `python -m benchmarks.results` writes this page from the stored runs; no
number here is written by hand. All samplers of a training have equal steps and the same seeds. A gain is relative to shuffled
batches, in percent of their result, with its 95 % interval over paired seeds. Two samplers are *tied* if the interval of their
paired difference includes zero. A *place* such as "1 to 3" counts who is ahead and who is behind by that rule; it is not
corrected for the number of comparisons.

## In short"""


def main() -> None:
    """Write the page."""
    text = page()
    print(text)
    PAGE.write_text(text, "utf-8")


def page() -> str:
    """Return the page as the stored runs have it."""
    tuned = trainings(Comparison.read(RESULTS / "retrieval.csv"))
    rival = tested(Comparison.read(RESULTS / "retrieval_rivals.csv"))
    doses = gains(Comparison.read(study.RESULTS), pd.read_csv(forecast.RESULTS))
    plans = rivals.read(rivals.RESULTS)
    walk = next(name for name in RIVALS[WALK] if name in set(rival.to_frame().sampler))
    short = [verdict(rival, walk, label), *(verdict(result, WALK, sampler_name) for result in tuned)]
    short += [elsewhere(doses), cost(plans)]
    return "\n\n".join(
        [
            HEAD,
            "\n".join(f"- {line}" for line in short),
            rivals_section(rival),
            *tuned_section(tuned),
            study_section(doses),
            plans_section(plans),
        ]
    ) + "\n"


def trainings(result: Comparison) -> list[Comparison]:
    """Return the runs of each data set."""
    runs = result.to_frame()
    return [Comparison(part) for _, part in runs[runs.sampler != UNTRAINED].groupby("set", sort=False)]


def verdict(result: Comparison, walk: str, name: Callable[[str], str]) -> str:
    """Return who is ahead of the random walk in a training, who is tied with it, who behind."""
    runs = result.to_frame()
    first, seeds = runs.iloc[0], runs[runs.sampler == walk].seed.nunique()
    found = {place: _listed(pairs, name) for place, pairs in against(result, walk).items() if len(pairs)}
    gain = result.differences().set_index("sampler").loc[walk]
    sentences = [
        f"**{TASKS[first['set']]}** ({first.steps:,} steps, {_counted(seeds, 'seed')}): random-walk batches gain "
        f"{report.gain(gain)} over a shuffle."
    ]
    if "ahead" in found:
        sentences.append(f"**Ahead of the random walk: {found['ahead']}.**")
    else:
        sentences.append("Nothing is ahead of them.")
    for place, words in (("tied", "Tied with them"), ("behind", "Behind them"), ("not known", "Too few seeds to say")):
        if place in found:
            sentences.append(f"{words}: {found[place]}.")
    return " ".join(sentences)


def _listed(pairs: pd.DataFrame, name: Callable[[str], str]) -> str:
    return ", ".join(f"{name(row.sampler)} {report.gain(row)}" for row in pairs.itertuples())


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" + ("s" if number != 1 else "")


def elsewhere(doses: pd.DataFrame) -> str:
    """Return what is known of trainings other than those on pairs."""
    others = doses[~doses.trial.isin(PAIRS) & doses.sampler.isin(list(DOSES))]
    known, clear = others.percent_low.notna(), (others.percent_low > 0) | (others.percent_high < 0)
    text = (
        f"**On sentences, images and graphs** ({_counted(others.trial.nunique(), 'training')}), the gains of the settings "
        f"below are between {others.percent.min():+.1f} and {others.percent.max():+.1f} %."
    )
    if not known.any():
        return f"{text} None has an interval yet: all are from one seed each, and prove nothing."
    return f"{text} {clear.sum()} of the {known.sum()} with an interval exclude zero, the others are of one seed or tied."


def cost(plans: pd.DataFrame) -> str:
    """Return what the cheapest and the dearest plans take, and the walk's."""
    first = _first_settings(plans)
    seconds = first.sort_values("plan_s").set_index("sampler").plan_s
    walk, dear = seconds[WALK], seconds.index[-1]
    return (
        f"**The plan of an epoch** of {first.instances.iloc[0]:,} instances takes {walk:.0f} s for the random walk, "
        f"{seconds.iloc[0]:.1f} s for a shuffle and {seconds.iloc[-1]:.0f} s for {rivals.KINDS[dear].label.lower()}, "
        "measured on two cores that other programs used as well."
    )


def rivals_section(test: Comparison) -> str:
    """Return the table of all published ways to choose batches."""
    missing = [rivals.KINDS[name].label for name in RIVALS if name not in set(test.to_frame().sampler.map(SAMPLER_OF))]
    left_out = f" Not finished yet: {', '.join(missing)}." if missing else ""
    return f"""## Every published way to choose batches

The reverse dictionary of [notebook 08](../notebooks/08_retrieval.ipynb), two bags of word pieces, batches of 32. Each sampler had three trials of its settings on development
queries with seed {TUNING_SEED}; the best of them ran on test queries with other seeds. Temperature and learning rate are the best of a shuffle's.
[All trials](../benchmarks/README.md#every-published-way-trained---stage-rivals).{left_out}

{ranking_table(test, label, settings)}

Hardness says whether the batches differ from a shuffle's at all: it is the mean cosine similarity of in-batch negatives, as the training's second half saw it."""


def tuned_section(tuned: list[Comparison]) -> list[str]:
    """Return the tables of the samplers whose temperature and learning rate were tuned."""
    parts = [
        "## Temperature and learning rate tuned for each sampler",
        "Twice the steps, and four samplers only. *Published walk* has the settings of the paper. "
        "[Details](../benchmarks/README.md#retrieval-python--m-benchmarksretrieval).",
    ]
    for result in tuned:
        first = result.to_frame().iloc[0]
        parts += [f"**{TASKS[first['set']]}**, {first.steps:,} steps", ranking_table(result, sampler_name)]
    return parts


def study_section(doses: pd.DataFrame) -> str:
    """Return the gains of four kinds of batches in each training of the study."""
    rows = []
    for trial, part in doses.groupby("trial", sort=False):
        cells = {row.sampler: report.gain(row) for row in part.itertuples()}
        rows.append(
            {"training": trial, "seeds": part.runs.max(), "result": part.metric.iloc[0]}
            | {words: cells.get(dose, "") for dose, words in DOSES.items()}
        )
    return f"""## Where else it helps

Gains over a shuffle in the [study of dose and response](../benchmarks/README.md#dose-and-response-make-study), whose settings were fixed before. A gain without an interval is
from one seed: seeds differ by as much as most of these gains.

{report.markdown(pd.DataFrame(rows))}"""


def plans_section(plans: pd.DataFrame) -> str:
    """Return what plans cost and what their batches are like."""
    first = _first_settings(plans).sort_values("plan_s")
    shown = pd.DataFrame(
        {
            "sampler": [rivals.KINDS[name].label for name in first.sampler],
            "settings": first.settings,
            "plan (s)": first.plan_s.map("{:.1f}".format),
            "memory (GiB)": first.peak_gib.map("{:.2f}".format),
            "hardness": first.hardness.map("{:.3f}".format),
            "false negatives": first.false_negative_rate.map("{:.2%}".format),
            "variety": first.variety.map("{:.1f}".format),
        }
    )
    return f"""## What a plan costs

The plan of an epoch for {first.instances.iloc[0]:,} points in batches of 32, each sampler with the first of its settings. The points have classes of ten, so that false negatives can be
counted. [All settings](../benchmarks/README.md#every-way-to-choose-batches-python--m-benchmarksrivals).

{report.markdown(shown)}"""


def _first_settings(plans: pd.DataFrame) -> pd.DataFrame:
    """Return the row of each sampler's first settings, at the largest number of instances that all were measured at."""
    some = plans[plans.instances == plans.instances.min()]
    return some[[row.settings == rivals.written(rivals.SETTINGS[row.sampler][0]) for row in some.itertuples()]]


if __name__ == "__main__":
    main()
