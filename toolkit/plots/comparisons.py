"""Samplers side by side: differences from a baseline."""

import numpy as np
from matplotlib.axes import Axes

from toolkit.plots.style import color_of, mark, new_axes, side_labels, styled
from toolkit.samplers.registry import SAMPLERS
from toolkit.training.comparison import Comparison

LOSS_NAMES = {"infonce": "InfoNCE", "dcl": "DCL", "hcl": "HCL"}


@styled
def comparison(result: Comparison, baseline: str = "uniform", ax: Axes | None = None) -> Axes:
    """Draw each sampler's difference from a baseline, by loss: seeds as dots, their mean with its 95 % interval.

    Parameters
    ----------
    result : Comparison
        Results of one data set, model and settings.
    baseline : str
        Name of a sampler.

    Raises
    ------
    ValueError
        If the results are of several data sets, models or settings.
    """
    runs = result.to_frame()
    check_single(runs, ("set", "model", "settings"))
    table = result.differences(baseline)
    losses, samplers = list(dict.fromkeys(table.loss)), list(dict.fromkeys(table.sampler))
    ax = new_axes(ax, figsize=(6.4, 1.3 + 0.36 * len(losses) * (len(samplers) + 0.6)))
    for _, row in table.iterrows():
        i = samplers.index(row.sampler)
        y = losses.index(row.loss) * (len(samplers) + 0.6) + i
        color = color_of(sampler_label(row.sampler), i)
        seeds = 100 * seed_differences(runs[runs.loss == row.loss], baseline, row.sampler)
        ax.plot(seeds, np.full(len(seeds), y + 0.25), "o", color=color, alpha=0.5, markersize=4, markeredgewidth=0)
        ax.plot([100 * row.low, 100 * row.high], [y, y], color=color, linewidth=2.5, solid_capstyle="round")
        ax.plot(100 * row.difference, y, "D", color=color, markersize=7, markeredgecolor="white")
    base = sampler_label(baseline)
    mark(ax, 0, base.lower())
    middle = (len(samplers) - 1) / 2
    names = [LOSS_NAMES.get(loss, loss) for loss in losses]
    ax.set_yticks([i * (len(samplers) + 0.6) + middle for i in range(len(losses))], names)
    ax.set_ylim((len(losses) - 1) * (len(samplers) + 0.6) + 2 * middle + 0.6, -0.5)
    ax.tick_params("y", length=0)
    ax.set_xlabel(f"{table.metric.iloc[0]}: difference from {base.lower()} batches (points)")
    side_labels(ax, {label: color_of(label, i) for i, label in enumerate(map(sampler_label, samplers))})
    ax.set_title(_finding(table, base), pad=20)
    return ax


def check_single(runs, names: tuple[str, ...]) -> None:
    """Raise ValueError if results differ in one of these columns, over which a figure would take means."""
    several = [name for name in names if runs[name].nunique() > 1]
    if several:
        raise ValueError(
            f"result must have one value of each of {', '.join(names)}, got several of {', '.join(several)}: "
            "choose, as in Comparison(result.to_frame().query('set == \"cifar10\"'))"
        )


def seed_differences(runs, baseline: str, sampler: str) -> np.ndarray:
    """Return the differences of the common seeds of a sampler and a baseline."""
    by_seed = runs.pivot_table(index="seed", columns="sampler", values="value")
    return (by_seed[sampler] - by_seed[baseline]).dropna().to_numpy()


def sampler_label(sampler: str) -> str:
    """Return a sampler's name in figures."""
    return SAMPLERS[sampler].label if sampler in SAMPLERS else sampler


def _finding(table, base: str) -> str:
    """Say which samplers' intervals lie on one side of zero."""
    parts = []
    for name, rows in table.groupby("sampler", sort=False):
        better, worse = int((rows.low > 0).sum()), int((rows.high < 0).sum())
        clear = [f"above {base.lower()}"] * (better > worse) + [f"below {base.lower()}"] * (worse > better)
        count = max(better, worse)
        of = f" with {count} of {len(rows)} losses" if len(rows) > 1 else ""
        parts.append(
            f"{sampler_label(name)}: " + (f"{clear[0]}{of}" if clear else f"no clear difference from {base.lower()}")
        )
    return "\n".join(parts)
