"""Hardness and false negatives of batches, by sampler."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from toolkit.metrics import EstimatedFalseNegatives, FalseNegatives, Frontier, Hardness, SameLabelEdges
from toolkit.plots.style import (
    FAINT,
    RANDOM_WALK,
    UNIFORM,
    color_of,
    mark,
    new_axes,
    note,
    percent,
    side_labels,
    styled,
)


def density(result: Hardness) -> np.ndarray:
    """Return the histogram of a result as a density over cosine similarity."""
    return result.histogram / (result.histogram.sum() * np.diff(Hardness.edges))


@styled
def hardness(results: Mapping[str, Hardness], ax: Axes | None = None) -> Axes:
    """Draw the distribution of in-batch similarity by sampler, means as vertical lines.

    Parameters
    ----------
    results : mapping of name to Hardness
        "Uniform", "kNN" and "Random walk" have fixed colours.

    Examples
    --------
    >>> from toolkit import metrics, plots
    >>> result = metrics.batch_hardness([[0, 1], [0, 2]], [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> plots.hardness({"Uniform": result}).get_xlabel()
    'cosine similarity of in-batch pairs'
    """
    ax = new_axes(ax)
    for i, (name, result) in enumerate(results.items()):
        color = color_of(name, i)
        ax.stairs(density(result), Hardness.edges, fill=True, color=color, alpha=0.25, label=name)
        ax.stairs(density(result), Hardness.edges, color=color, linewidth=1.5)
        ax.axvline(result.value, color=color, linewidth=1.2, linestyle=(0, (2, 2)))
    side_labels(
        ax, {f"{name}\nmean {result.value:.2f}": color_of(name, i) for i, (name, result) in enumerate(results.items())}
    )
    used = np.flatnonzero(sum(result.histogram for result in results.values()))
    ax.set_xlim(Hardness.edges[used[0]], Hardness.edges[used[-1] + 1])
    ax.set_ylim(bottom=0)
    ax.set_xlabel("cosine similarity of in-batch pairs")
    ax.set_ylabel("density")
    if {UNIFORM, RANDOM_WALK} <= results.keys():
        gain = results[RANDOM_WALK].value - results[UNIFORM].value
        ax.set_title(f"Pairs in random-walk batches are {abs(gain):.2f} {'more' if gain > 0 else 'less'} similar")
    return ax


@styled
def false_negatives(results: Mapping[str, FalseNegatives], ax: Axes | None = None) -> Axes:
    """Draw the share of false negatives by sampler with its 95 % interval, and the class prior as a line.

    Parameters
    ----------
    results : mapping of name to FalseNegatives

    Examples
    --------
    >>> from toolkit import metrics, plots
    >>> result = metrics.false_negative_rate([[0, 1, 2], [1, 2, 3]], [0, 0, 1, 1])
    >>> plots.false_negatives({"Uniform": result}).get_xlabel()
    'share of in-batch pairs with the same label'
    """
    ax = new_axes(ax, figsize=(6.4, 0.9 + 0.55 * len(results)))
    prior = next(iter(results.values())).prior
    for i, (name, result) in enumerate(results.items()):
        low, high = result.interval()
        ax.barh(i, result.value, color=color_of(name, i), alpha=0.85, height=0.6)
        ax.plot([low, high], [i, i], color="black", linewidth=1.5)
        edge = max(result.value, high if np.isfinite(high) else 0)
        note(ax, f"{result.value:.1%}" + times_chance(result, "  ({})"), (edge, i), (6, 0), fontsize=None)
    draw_prior(ax, prior)
    ax.set_yticks(range(len(results)), list(results))
    ax.invert_yaxis()
    ax.set_xlim(0, 1.6 * max(prior, *(result.value for result in results.values())) or 1)
    percent(ax.xaxis)
    ax.set_xlabel("share of in-batch pairs with the same label")
    if {UNIFORM, RANDOM_WALK} <= results.keys() and results[UNIFORM].value > 0:
        ratio = results[RANDOM_WALK].value / results[UNIFORM].value
        ax.set_title(f"Random walk: {ratio:.1f} × the false negatives of uniform batches", pad=20)
    return ax


@styled
def frontier(result: Frontier, ax: Axes | None = None) -> Axes:
    """Draw false-negative rate against hardness as the restart probability and K / M vary.

    Parameters
    ----------
    result : Frontier
        One line per (M, K), one mark per restart probability; the other samplers are squares.
    """
    ax = new_axes(ax, figsize=(6.4, 4.4))
    walks = result.walks
    lines = [line for _, line in walks.groupby(["n_candidates", "n_neighbors"], sort=False)]
    lines.sort(key=lambda line: line.hardness.mean())
    look = {"color": color_of(RANDOM_WALK), "marker": "o", "markersize": 4, "elinewidth": 1}
    for i, line in enumerate(lines):
        shade = 0.35 + 0.65 * i / max(len(lines) - 1, 1)
        ax.errorbar(line.hardness, line.false_negative_rate, yerr=line.false_negative_half, alpha=shade, **look)
    # Of many samplers, harder batches hold more false negatives: the names left of the points stay apart.
    from_here = result.references.hardness.max() / 3 if len(result.references) > 3 else np.inf
    rare = result.points.false_negative_rate.max() / 8  # no room for a name below
    for i, point in enumerate(result.references.itertuples()):
        at, color = (point.hardness, point.false_negative_rate), color_of(point.sampler, i)
        ax.plot(*at, marker="s", markersize=8, color=color)
        offset, ha, va = (0, 8), "center", "bottom"
        if point.hardness > from_here:
            offset, ha, va = (-8, 0), "right", "center"
        elif point.sampler == UNIFORM and point.false_negative_rate > rare:
            offset, va = (0, -8), "top"
        note(ax, point.sampler, at, offset, ha=ha, va=va, color=color, fontsize=None)
    prior = walks.prior.iloc[0]
    # Below its line, which few others cross there, if there is room.
    below = {"offset": (0, -3), "va": "top"} if prior > result.points.false_negative_rate.max() / 16 else {}
    draw_prior(ax, prior, vertical=False, **below)
    percent(ax.yaxis)
    estimated = "estimated " if result.estimated else ""
    ax.margins(x=0.08, y=0.12)
    ax.set_ylim(bottom=0)
    _name_lines(ax, [line.iloc[-1] for line in lines])
    ax.set_xlabel("hardness (mean cosine similarity of in-batch pairs)")
    ax.set_ylabel(f"{estimated}false negatives (share of pairs)")
    ax.set_title(f"Harder batches hold {'more' if result.value > 0 else 'no more'} false negatives")
    restarts = f"marks: restart {walks.restart.min():g} to {walks.restart.max():g}"
    ax.text(0.02, 0.97, restarts, transform=ax.transAxes, va="top", fontsize=9)
    return ax


def _name_lines(ax: Axes, ends: list) -> None:
    """Write K / M of each line right of the axes, pushed apart, with a thin line from its end."""
    gap, place = 0.075 * ax.get_ylim()[1], -np.inf
    look = {"color": FAINT, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 3}
    for end in sorted(ends, key=lambda end: end.false_negative_rate):
        place = max(end.false_negative_rate, place + gap)
        ax.annotate(
            f"{end.n_neighbors:.0f} / {end.n_candidates:.0f}",
            (end.hardness, end.false_negative_rate),
            (1.02, place),
            textcoords=ax.get_yaxis_transform(),
            va="center",
            fontsize=9,
            color=color_of(RANDOM_WALK),
            annotation_clip=False,
            arrowprops={"arrowstyle": "-"} | look,
        )
    ax.text(1.02, place + gap, "K / M", transform=ax.get_yaxis_transform(), va="center", fontsize=9)


@styled
def false_negatives_by_ratio(result: Frontier, ax: Axes | None = None) -> Axes:
    """Draw the false-negative rate of walks against K / M, with 95 % intervals and the class prior on both axes.

    Parameters
    ----------
    result : Frontier
        At one restart probability; samplers other than the walk are left out.
    """
    ax = new_axes(ax, figsize=(6.4, 3.8))
    walks = result.walks.assign(ratio=lambda rows: rows.n_neighbors / rows.n_candidates).sort_values("ratio")
    prior = walks.prior.iloc[0]
    look = {"color": color_of(RANDOM_WALK), "marker": "o", "markersize": 5, "elinewidth": 1.2}
    ax.errorbar(walks.ratio, walks.false_negative_rate, yerr=walks.false_negative_half, **look)
    mark(ax, prior, "K / M = class prior", offset=(4, -2), ha="left", va="top")
    draw_prior(ax, prior, vertical=False, end=0, offset=(3, 3), ha="left")
    ax.set_xscale("log")
    ax.set_xticks(walks.ratio, [f"{ratio:.3g}" for ratio in walks.ratio])
    ax.minorticks_off()
    ax.set_ylim(bottom=0)
    percent(ax.yaxis)
    ax.set_xlabel("K / M: share of all instances that can be neighbours")
    ax.set_ylabel("false negatives (share of pairs)")
    cost = np.interp(np.log(2 * prior), np.log(walks.ratio), walks.false_negative_rate) / prior
    ax.set_title(f"At K / M of twice the class prior: {cost:.1f} × chance")
    return ax


def times_chance(result: FalseNegatives | EstimatedFalseNegatives | SameLabelEdges, form: str = "{}") -> str:
    """Return the rate as a multiple of the prior, filled into `form`; nothing if no label occurs twice."""
    return form.format(f"{result.over_chance:.1f} × chance") if result.prior > 0 else ""


def draw_prior(ax: Axes, prior: float, **look) -> None:
    """Draw the class prior, the rate to expect by chance, as a line with its name; `look` is as for `style.mark`."""
    mark(ax, prior, f"chance {prior:.1%}", **look)
