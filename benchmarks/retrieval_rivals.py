"""Every published way to choose batches, trained: which settings were best, and how the best of each compare."""

import sys

import pandas as pd

from benchmarks import report
from benchmarks.presets import RIVALS
from benchmarks.ranking import ranking_table
from toolkit.samplers import SAMPLERS
from toolkit.training.comparison import Comparison

TUNING_SEED = 0
DEVELOPMENT = "dev MRR@10"
SAMPLER_OF = {name: sampler for kinds in RIVALS.values() for sampler, trials in kinds.items() for name in trials}
TRIALS = {  # where batch sizes share a name, that of the first
    name: trial for kinds in reversed(RIVALS.values()) for trials in kinds.values() for name, trial in trials.items()
}
SHOWN = ("n_candidates", "n_neighbors", "cluster_size", "skip")  # the settings that tables name


def best_trials(runs: pd.DataFrame) -> list[str]:
    """Return the best settings, on development queries with the tuning seed, of each sampler that has all its trials.

    The runs are those of one training.
    """
    tried, kinds = trials(runs), RIVALS[batch_size(runs)]
    of = tried.groupby(tried.sampler.map(SAMPLER_OF))
    best = of[DEVELOPMENT].idxmax()[[set(part.sampler) == set(kinds[sampler]) for sampler, part in of]]
    return [name for name in SAMPLER_OF if name in set(tried.sampler[best])]


def batch_size(runs: pd.DataFrame) -> int:
    """Return the size of the batches of one training."""
    return batch_sizes(runs).iloc[0]


def batch_sizes(runs: pd.DataFrame) -> pd.Series:
    """Return the batch size of each run."""
    return runs.settings.str.extract(r"B=(\d+)", expand=False).astype(int)


def trials(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs that chose the settings."""
    return runs[(runs.seed == TUNING_SEED) & runs.sampler.isin(list(SAMPLER_OF))]


def tested(result: Comparison) -> Comparison:
    """Return the runs of the chosen settings with all other seeds."""
    runs = result.to_frame()
    return Comparison(runs[(runs.seed != TUNING_SEED) & runs.sampler.isin(best_trials(runs))])


def label(name: str) -> str:
    """Return the sampler of a trial as it is written."""
    return SAMPLERS[SAMPLER_OF[name]].label


def settings(name: str) -> str:
    """Return what distinguishes a trial from the others of its sampler."""
    return shown(TRIALS[name])


def full_name(name: str) -> str:
    """Return the sampler of a trial and what distinguishes it."""
    return ", ".join(filter(None, (label(name), settings(name))))


def shown(chosen: dict) -> str:
    """Return the settings that differ between trials, as they are written."""
    return ", ".join(f"{key}={chosen[key]}" for key in SHOWN if chosen.get(key, sys.maxsize) < sys.maxsize)


def trials_table(runs: pd.DataFrame) -> str:
    """Return all trials of the settings as Markdown."""
    tried = trials(runs)
    best = set(best_trials(runs))
    return report.markdown(
        pd.DataFrame(
            {
                "sampler": tried.sampler.map(label),
                "settings": tried.sampler.map(settings),
                "MRR@10 on development queries": tried[DEVELOPMENT].map(report.points),
                "chosen": ["yes" if name in best else "" for name in tried.sampler],
                "hardness": tried.hardness.map("{:z.3f}".format),
                "seconds": tried.seconds.map("{:.0f}".format),
                "of them for batches": tried.sampler_seconds.map("{:.0f}".format),
            }
        )
    )


def rivals_table(result: Comparison) -> str:
    """Return the test of each training and the trials before it as Markdown."""
    parts = []
    for (name, model, kind, steps), runs in result.to_frame().groupby(["set", "model", "settings", "steps"]):
        parts += [
            f"**{name}, {model}** ({kind}; {steps:,} steps)",
            ranking_table(tested(Comparison(runs)), full_name),
            f"Trials, seed {TUNING_SEED}:",
            trials_table(runs),
        ]
    return "\n\n".join(filter(None, parts))
