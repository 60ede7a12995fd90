"""Samplers ranked by their gain, with the range of ranks that paired seeds leave open for each."""

from collections.abc import Callable

import pandas as pd

from benchmarks import report
from toolkit.training.comparison import Comparison
from toolkit.training.task import UNTRAINED


def ranked(result: Comparison, baseline: str = "uniform") -> pd.DataFrame:
    """Return the samplers of one training, the best first, with their gains and possible ranks.

    A sampler is ahead of another if the 95 % interval of their paired difference (Student's t) excludes zero. ``first``
    is one more than the number of those ahead of it, ``last`` counts all but those behind it; without an interval, from
    a single seed, every rank is possible. ``percent`` and its interval are relative to the baseline.

    Raises
    ------
    ValueError
        For results of several trainings, and without the baseline.
    """
    summary = result.summary()
    summary = summary[summary.sampler != UNTRAINED]
    kinds = summary[["set", "model", "loss", "settings", "steps", "metric"]].drop_duplicates()
    if len(kinds) != 1:
        raise ValueError(f"result must be of one training, got {len(kinds)}: select rows of its frame")
    names = list(summary.sampler)
    ahead = pd.DataFrame(False, index=names, columns=names)  # of the column
    for other in names:
        pairs = result.differences(other).set_index("sampler")
        ahead[other] = (pairs.low > 0).reindex(names, fill_value=False)
    gains = result.differences(baseline)[["sampler", "difference", "percent", "percent_low", "percent_high"]]
    found = summary.merge(gains, "left", "sampler")
    found["first"] = 1 + ahead.sum().reindex(found.sampler).to_numpy()
    found["last"] = len(names) - ahead.sum(axis=1).reindex(found.sampler).to_numpy()
    return found.sort_values("percent", ascending=False, ignore_index=True, key=lambda column: column.fillna(0))


def ranking_table(result: Comparison, label: Callable[[str], str]) -> str:
    """Return the samplers of one training in order of their gain over a shuffle, with their ranks, as Markdown."""
    if result.to_frame().empty:
        return ""
    found, runs = ranked(result), result.to_frame()
    shares = (runs.sampler_seconds / runs.seconds).groupby(runs.sampler).median()  # some runs were held up
    columns = {
        "rank": [_ranks(row) for row in found.itertuples()],
        "sampler": found.sampler.map(label),
        "seeds": found.runs,
        found.metric[0]: found["mean"].map(report.points),
        "gain over a shuffle": [report.gain(row) for row in found.itertuples()],
        "hardness": found.hardness.map("{:z.3f}".format),
        "time for batches": found.sampler.map(shares).map("{:.0%}".format),
    }
    return report.markdown(pd.DataFrame(columns))


def _ranks(row) -> str:
    return f"{row.first}" if row.first == row.last else f"{row.first} to {row.last}"


def against(result: Comparison, sampler: str) -> dict[str, pd.DataFrame]:
    """Return the paired differences of the others to one sampler: those ahead of it, tied, behind, and not known.

    Tied means that the 95 % interval includes zero, not known that a single seed gives no interval.
    """
    pairs = result.differences(sampler).sort_values("percent", ascending=False)
    known = pairs.low.notna()
    ahead, behind = pairs.low > 0, pairs.high < 0
    return {
        "ahead": pairs[ahead],
        "tied": pairs[known & ~ahead & ~behind],
        "behind": pairs[behind],
        "not known": pairs[~known],
    }
