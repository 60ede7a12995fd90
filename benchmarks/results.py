"""The page docs/results.md: what helps where, by how much and at what cost, from the stored runs.

usage: python -m benchmarks.results
"""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from benchmarks import forecast, report, rivals, study
from benchmarks.modality import RESULTS, sampler_name
from benchmarks.ranking import against, ranking_table
from benchmarks.retrieval_rivals import SAMPLER_OF, TUNING_SEED, batch_size, full_name, label, shown, tested
from benchmarks.study_tables import gains, pooled
from toolkit.training.comparison import Comparison
from toolkit.training.task import UNTRAINED

PAGE = Path(__file__).parents[1] / "docs" / "results.md"
WALK = "random_walk"
PAIRS = {"dictionary": "From definition to word", "code": "From docstring to code"}
DOSES = {
    "published": "published schedule",
    "walk_20_2000": "walk, 20 of 2,000",
    "walk_10_5000": "walk, 10 of 5,000",
    "knn": "kNN",
}
PLACES = {"tied": "Tied with them", "behind": "Behind them", "not known": "Too few seeds to say"}

HEAD = """# Results

What helps where, by how much, and at what cost. `python -m benchmarks.results` writes this page from the stored runs;
no number in it is written by hand. A percentage after a sampler's name is its difference from the random walk, in
percent of the walk's result."""

READING = """## How to read it

Within a comparison, all samplers train for the same number of steps with the same random seeds. A gain is relative to
shuffled batches, in percent of their result, with its 95 % interval over paired seeds (Student's t). Two samplers are
*tied* if the interval of their paired difference includes zero. A *rank* of "2 to 4" means that one sampler is ahead by
this rule, and two others are tied with this one. Ranks are not corrected for multiple comparisons. *Hardness* is the
mean cosine similarity of in-batch negatives in the second half of training: it shows whether batches differ from
shuffled ones at all. *Time for batches* is the sampler's share of the training time, the median over seeds, on two
cores shared with other programs."""

RIVALS_HEAD = f"""## All published methods of choosing batches

These runs use the pairs of [notebook 08](../notebooks/08_retrieval.ipynb) and two bags of word pieces as encoders.
With batches of 128 there are a quarter of the steps, so each pair is seen as often as with batches of 32. For each
batch size, each sampler was tried with three settings on development queries with seed {TUNING_SEED}
([all trials](../benchmarks/README.md#every-published-way-trained---stage-rivals)). The best setting was then tested
with other seeds on test queries. Temperature and learning rate are those that work best for a shuffle with batches of
that size. Plans that take minutes are renewed after 74,060 pairs (an epoch of the dictionary), the others after 32,000
pairs, like the walk's graph."""

TUNED_HEAD = """## Temperature and learning rate tuned for each sampler

These runs compare only four samplers, with twice as many steps as above. *Published walk* has the paper's graph, 100
neighbours of 1,000 candidates, and a fixed restart probability of 0.2
([details](../benchmarks/README.md#retrieval-python--m-benchmarksretrieval))."""

STUDY_HEAD = """## Where else it helps

Gains over a shuffle in the [study of dose and response](../benchmarks/README.md#dose-and-response-make-study), with
settings fixed in advance. In "walk, 20 of 2,000", 20 of 2,000 candidates become neighbours. An empty cell was not run.
Except on pairs, seeds differ by as much as most gains."""

PLANS_HEAD = """## What a plan costs

Processor time and memory to plan an epoch of {n:,} points in batches of 32, with the first settings of each sampler
([all settings](../benchmarks/README.md#every-way-to-choose-batches-python--m-benchmarksrivals)). The points form
classes of ten, so false negatives can be counted. Variety is the effective rank of a batch's embeddings."""


def main() -> None:
    """Write the page."""
    text = page()
    print(text)
    PAGE.write_text(text, "utf-8")


def page() -> str:
    """Return the page as the stored runs have it."""
    rival = [tested(result) for result in trainings(Comparison.read(RESULTS / "retrieval_rivals.csv"))]
    rival = [result for result in rival if not result.to_frame().empty]
    tuned = trainings(Comparison.read(RESULTS / "retrieval.csv"))
    doses = gains(pooled(Comparison.read(study.RESULTS)), pd.read_csv(forecast.RESULTS))
    plans = first_settings(rivals.read(rivals.RESULTS))
    short = [verdict(result, walk, label) for result in rival for walk in walks_of(result)]
    short += [verdict(result, WALK, sampler_name) for result in tuned]
    short += [elsewhere(doses), cost(plans)]
    parts = [
        HEAD,
        "\n".join(f"- {line}" for line in short),
        READING,
        RIVALS_HEAD,
        *(text for result in rival for text in (name_of(result), unfinished(result), ranking_table(result, full_name))),
        TUNED_HEAD,
        *(text for result in tuned for text in (name_of(result), ranking_table(result, sampler_name))),
        STUDY_HEAD,
        study_table(doses),
        published_order(doses),
        PLANS_HEAD.format(n=plans.instances.iloc[0]),
        plans_table(plans),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def trainings(result: Comparison) -> list[Comparison]:
    """Return the runs of each data set and its settings."""
    runs = result.to_frame()
    return [Comparison(part) for _, part in runs[runs.sampler != UNTRAINED].groupby(["set", "settings"], sort=False)]


def walks_of(result: Comparison) -> list[str]:
    """Return the random walk's best trial, if it has been tested."""
    return [name for name in dict.fromkeys(result.to_frame().sampler) if SAMPLER_OF[name] == WALK]


def name_of(result: Comparison) -> str:
    """Return the task of a training, its batch size and its steps."""
    runs = result.to_frame()
    first = runs.iloc[0]
    return f"**{PAIRS[first['set']]}**, batches of {batch_size(runs)}, {first.steps:,} steps"


def verdict(result: Comparison, walk: str, name: Callable[[str], str]) -> str:
    """Return who is ahead of the random walk in a training, who is tied with it, who behind."""
    runs = result.to_frame()
    seeds = runs[runs.sampler == walk].seed.nunique()
    found = {place: _listed(pairs, name) for place, pairs in against(result, walk).items() if len(pairs)}
    gain = report.gain(result.differences().set_index("sampler").loc[walk])
    sentences = [f"{name_of(result)}, {_counted(seeds, 'seed')}: random-walk batches gain {gain} over a shuffle."]
    if "ahead" in found:
        sentences.append(f"**Ahead of them: {found['ahead']}.**")
    else:
        sentences.append(f"None of the {runs.sampler.nunique() - 1} others is ahead of them.")
    sentences += [f"{words}: {found[place]}." for place, words in PLACES.items() if place in found]
    return " ".join(sentences)


def _listed(pairs: pd.DataFrame, name: Callable[[str], str]) -> str:
    return ", ".join(f"{name(row.sampler)} {report.gain(row)}" for row in pairs.itertuples())


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" + ("s" if number != 1 else "")


def elsewhere(doses: pd.DataFrame) -> str:
    """Return what is known of trainings other than those on pairs."""
    others = doses[~doses.trial.isin(list(PAIRS)) & doses.sampler.isin(list(DOSES))]
    known = others[others.percent_low.notna()]
    clear = known[(known.percent_low > 0) | (known.percent_high < 0)]
    found = "; ".join(f"{row.trial}, {DOSES[row.sampler]}, {report.gain(row)}" for row in clear.itertuples())
    return (
        f"**On sentences, images and graphs**, {_counted(others.trial.nunique(), 'task')}: walks and kNN gain "
        f"between {others.percent.min():+z.1f} and {others.percent.max():+z.1f} %. "
        f"Differences that are significant at the 95 % level: {len(clear)} of {len(known)}, "
        f"where chance alone predicts about {0.05 * len(known):.0f}" + (f" ({found})." if found else ".")
    )


def cost(plans: pd.DataFrame) -> str:
    """Return what the cheapest and the dearest plans take, and the walk's."""
    seconds = plans.set_index("sampler").plan_s
    dearest = rivals.KINDS[seconds.index[-1]].label.lower()
    return (
        f"**Planning an epoch** of {plans.instances.iloc[0]:,} instances takes {seconds[WALK]:.1f} s of processor "
        f"time for the random walk, {seconds.iloc[0]:.2f} s for a shuffle and {seconds.iloc[-1]:.0f} s for {dearest}."
    )


def unfinished(test: Comparison) -> str:
    """Return which samplers the table has no results of yet."""
    there = set(test.to_frame().sampler.map(SAMPLER_OF))
    missing = [rivals.KINDS[name].label for name in dict.fromkeys(SAMPLER_OF.values()) if name not in there]
    return f"Not finished yet: {', '.join(missing)}." if missing else ""


def study_table(doses: pd.DataFrame) -> str:
    """Return the gains of four kinds of batches in each training of the study."""
    rows = []
    for trial, part in doses.groupby("trial", sort=False):
        found = {row.sampler: report.gain(row) for row in part.itertuples()}
        cells = {words: found.get(dose, "") for dose, words in DOSES.items()}
        rows.append({"task": trial, "seeds": part.runs.max()} | cells)
    return report.markdown(pd.DataFrame(rows))


def published_order(doses: pd.DataFrame) -> str:
    """Return on which trainings kNN batches are worse than a shuffle and those of some walk better, as in the paper."""
    knn = doses[doses.sampler == "knn"].set_index("trial")
    walks = doses[doses.sampler.isin([*DOSES]) & doses.sampler.str.startswith("walk")]
    best = walks.sort_values("percent").groupby("trial").tail(1).set_index("trial")
    both = [trial for trial in knn.index if knn.percent[trial] < 0 < best.percent[trial]]
    clear = [trial for trial in both if knn.percent_high[trial] < 0 < best.percent_low[trial]]
    found = [
        f"{trial} (kNN {report.gain(knn.loc[trial])}; {DOSES[best.sampler[trial]]}, {report.gain(best.loc[trial])})"
        for trial in both
    ]
    return (
        "In the paper, kNN batches are worse than a shuffle and those of the walk better. By mean gains, with the "
        f"better of the two walks, this order shows on {len(both)} of {len(knn)} tasks: {'; '.join(found) or 'none'}. "
        f"Tasks on which both intervals exclude zero: {', '.join(clear) or 'none'}."
    )


def first_settings(plans: pd.DataFrame) -> pd.DataFrame:
    """Return the row of each sampler's first settings at the smallest number of instances, the fastest plan first."""
    some = plans[plans.instances == plans.instances.min()]
    first = [row.settings == rivals.written(rivals.SETTINGS[row.sampler][0]) for row in some.itertuples()]
    return some[first].sort_values("plan_s")


def plans_table(plans: pd.DataFrame) -> str:
    """Return what plans cost and what their batches are like."""
    return report.markdown(
        pd.DataFrame(
            {
                "sampler": [_with_settings(name) for name in plans.sampler],
                "plan (processor s)": plans.plan_s.map("{:.1f}".format),
                "memory (GiB)": plans.peak_gib.map("{:.2f}".format),
                "hardness": plans.hardness.map("{:.3f}".format),
                "false negatives": plans.false_negative_rate.map("{:.2%}".format),
                "variety": plans.variety.map("{:.1f}".format),
            }
        )
    )


def _with_settings(name: str) -> str:
    return ", ".join(filter(None, (rivals.KINDS[name].label, shown(rivals.SETTINGS[name][0]))))


if __name__ == "__main__":
    main()
