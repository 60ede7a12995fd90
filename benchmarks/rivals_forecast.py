"""Which measure of batches, taken before a training, has the order of what samplers then gain?

A model learns the pairs for one epoch of shuffled batches. On its embeddings, batches are drawn with the settings that
`python -m benchmarks.retrieval --stage rivals` has trained with, and measured. Their order by each measure is compared
with that by MRR@10 after the training. This is the evidence for how `toolkit.metrics.suggest_settings` chooses between
samplers. What stands in results/rivals_forecast.csv is not measured again.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.stats import spearmanr

from benchmarks import forecast, modality, report, retrieval, retrieval_rivals, study
from benchmarks.presets import RETRIEVAL, RIVALS
from benchmarks.study_tables import gains, pooled
from toolkit.metrics.suggestion import TRIALS as SUGGESTED
from toolkit.proximity import join_pairs
from toolkit.samplers import SAMPLERS, Budget
from toolkit.training.comparison import Comparison

RESULTS = modality.RESULTS / "rivals_forecast.csv"
MEMBERS = 4096  # whose loss gap is measured
MEASURES = {  # and whether more of it should be better
    "hardness": True,
    "estimated_false_negatives": True,
    "variety": False,
    "loss_gap": False,
}
KINDS = tuple(RIVALS[32])
KEY = ["set", "batch_size", "sampler"]
DEVELOPMENT, TEST = retrieval_rivals.DEVELOPMENT, "value"


def measure(name: str, batch_size: int, trials: list[str], root: Path | None):
    """Yield the figures of each trial on a set of pairs."""
    options = retrieval.parse(["--stage", "rivals", "--sets", name, "--batch-sizes", str(batch_size)])
    options.data = root
    task = next(retrieval.tasks(name, "static", options, RETRIEVAL["rivals"]))
    queries, targets = forecast.embedded(task, "infonce")
    assert targets is not None, "these are pairs"
    counter = Budget().counter(join_pairs(queries, targets), True, 0)
    for trial in trials:
        sampler = retrieval_rivals.SAMPLER_OF[trial]
        known = {"targets": targets} if SAMPLERS[sampler].takes("refresh_every") else {}
        drawn = SAMPLERS[sampler].from_embeddings(
            queries, task.batch_size, seed=0, groups=task.dataset.groups, **known, **RIVALS[batch_size][sampler][trial]
        )
        found = forecast.figures(drawn, queries, targets, counter, None, MEMBERS)
        covered = len(np.unique(np.concatenate([*map(np.asarray, drawn)]))) / len(queries)
        yield {"set": name, "sampler": trial} | found | {"chance": counter.prior, "covered": covered}


def trained(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the results of all trials, one row each."""
    return retrieval_rivals.trials(runs.assign(batch_size=retrieval_rivals.batch_sizes))[[*KEY, DEVELOPMENT, TEST]]


def limit_of(row) -> float:
    """Return the largest rate of false negatives that is allowed by default."""
    return Budget().limits(row.chance, row.batch_size, True)[0]


def within(found: pd.DataFrame) -> pd.Series:
    """Return which trials `suggest_settings` could suggest, if it knew their samplers.

    False negatives are within the default limit, an epoch holds each instance once, and a batch at least four clusters.
    """
    limit = [limit_of(row) for row in found.itertuples()]
    several = np.array([4 * cluster_size(row) <= row.batch_size for row in found.itertuples()])
    return (found.estimated_false_negatives <= limit) & (found.covered > 0.99) & several


def cluster_size(row) -> int:
    """Return the size of the clusters or parts of a trial; 0 with other samplers."""
    trials = RIVALS[row.batch_size]["cluster"] | RIVALS[row.batch_size]["graph_partition"]
    return trials.get(row.sampler, {}).get("cluster_size", 0)


def correlations(found: pd.DataFrame) -> pd.DataFrame:
    """Return the rank correlation of each measure with both results, over all trials and those within the limits."""
    rows = []
    some = found[within(found)]
    tried = some[some.sampler.map(retrieval_rivals.SAMPLER_OF).isin([*SUGGESTED, "uniform"])]
    parts = {"all trials": found, "within the limits": some, "of them shuffle, chains, clusters, walks": tried}
    for of, some in parts.items():
        for name, more in MEASURES.items():
            sign = 1 if more else -1
            rows.append(
                {
                    "trials": f"{of} ({len(some)})",
                    "order by": f"{'more' if more else 'less'} {name.replace('_', ' ')}",
                    "development queries": f"{spearmanr(sign * some[name], some[DEVELOPMENT]).statistic:+.2f}",
                    "test queries": f"{spearmanr(sign * some[name], some[TEST]).statistic:+.2f}",
                }
            )
    return pd.DataFrame(rows)


def table(found: pd.DataFrame) -> str:
    """Return the trials of each set, the best first, and the rank correlations as Markdown."""
    parts = []
    for (name, batch_size), rows in found.groupby(KEY[:2], sort=False):
        rows = rows.sort_values(DEVELOPMENT, ascending=False)
        lines = {
            "sampler": rows.sampler.map(retrieval_rivals.full_name),
            "MRR@10, development": rows[DEVELOPMENT].map(report.points),
            "test": rows[TEST].map(report.points),
            "hardness": rows.hardness.map("{:.3f}".format),
            "estimated false negatives": rows.estimated_false_negatives.map("{:.1%}".format),
            "loss gap": rows.loss_gap.map("{:.2f}".format),
            "variety": rows.variety.map("{:.1f}".format),
            "instances in an epoch": rows.covered.map("{:.0%}".format),
        }
        limit = limit_of(rows.iloc[0])
        training = f"{name}, batches of {batch_size}"
        parts += [f"**{training}**, limit of false negatives {limit:.1%}", report.markdown(pd.DataFrame(lines))]
        if len(rows) > 3:
            parts.append(f"Rank correlation (Spearman), {training}:\n\n{report.markdown(correlations(rows))}")
    return "\n\n".join(parts)


def study_table() -> str:
    """Return the same rank correlations over the doses of each training of the study, as Markdown."""
    doses = gains(pooled(Comparison.read(study.RESULTS)), pd.read_csv(forecast.RESULTS))
    lines = []
    for name, rows in doses.dropna(subset=["hardness"]).groupby("trial", sort=False):
        chance = rows.estimated_false_negatives[rows.sampler == "uniform"].iloc[0]
        limit, _ = Budget().limits(chance, rows.batch_size.iloc[0], name in retrieval.SETS)
        some = rows[rows.estimated_false_negatives <= limit]
        if len(some) > 3:
            order = {"more hardness": some.hardness, "less loss gap": -some.loss_gap}
            lines.append(
                {"training": name, "doses within the limit": len(some)}
                | {key: f"{spearmanr(by, some['mean']).statistic:+.2f}" for key, by in order.items()}
                | {"gains": f"{some.percent.min():+.1f} to {some.percent.max():+.1f} %"}
            )
    return report.markdown(pd.DataFrame(lines))


def main(arguments: list[str] | None = None) -> None:
    """Measure what has been trained and is missing, and write the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.rivals_forecast",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, metavar="ROOT", help="folder of the data sets (default: TOOLKIT_DATA)")
    parser.add_argument("--samplers", nargs="+", choices=KINDS, default=KINDS, metavar="NAME")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    results = trained(pd.read_csv(retrieval.results_file("rivals")))
    for (name, size), rows in results.groupby(KEY[:2], sort=False):
        known = pd.read_csv(RESULTS) if RESULTS.exists() else pd.DataFrame(columns=KEY)
        done = set(known.sampler[(known["set"] == name) & (known.batch_size == size)])
        wanted = {trial for sampler in options.samplers for trial in RIVALS[size][sampler]}
        missing = [trial for trial in rows.sampler if trial in wanted - done]
        for row in measure(name, size, missing, options.data) if missing else ():
            print(pd.DataFrame([row]).to_string(index=False), flush=True)
            known = pd.concat([known, pd.DataFrame([row])]) if len(known) else pd.DataFrame([row])
            known.to_csv(RESULTS, index=False, float_format="%.6g")
    text = f"{table(pd.read_csv(RESULTS).merge(results))}\n\nDoses of the study:\n\n{study_table()}"
    print(text)
    report.refresh("rivals forecast", text)


if __name__ == "__main__":
    main()
