"""See how the sampler's settings change what is in a batch."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from toolkit import plots
from toolkit.explorers.sheets import Sheet, SheetExplorer
from toolkit.explorers.walking import Walked
from toolkit.metrics import EstimatedFalseNegatives, FalseNegatives, Hardness
from toolkit.plots.batches import density, draw_prior, times_chance
from toolkit.plots.style import RANDOM_WALK, color_of, percent
from toolkit.samplers.registry import labels

N_PAIRS = 5
FEW = 5  # samplers, for which the figure has room
_STEP = 1.25  # between the ends that the axis of the density may have


Judged = tuple[Hardness, FalseNegatives | EstimatedFalseNegatives]


class HardnessSheet(Sheet):
    """Densities of in-batch similarity above shares of false negatives; the random walk's move.

    Parameters
    ----------
    results : dict of name to Hardness
    rates : dict of name to FalseNegatives or EstimatedFalseNegatives
        Those of the other samplers, at a first batch size.
    batch_size : int
    rate_name : str
        What the rates are.
    paired : bool
        Whether the instances are pairs, which have few false negatives.
    """

    def __init__(self, results: dict, rates: dict, batch_size: int, rate_name: str, paired: bool) -> None:
        super().__init__((3, 1.4), left=0.195, right=0.81, top=0.98, bottom=0.1, hspace=0.4)
        self.paired = paired
        top, bottom = self.axes
        plots.hardness(results, top)
        top.set_yticks([])
        densities, means, self.names = list(top.patches), list(top.lines), list(top.texts)
        self.densities = list(zip(densities[::2], densities[1::2], means, strict=True))
        look = {"color": color_of(RANDOM_WALK), "animated": True}
        self.area = top.stairs(np.zeros(200), Hardness.edges, fill=True, alpha=0.35, **look)
        self.outline = top.stairs(np.zeros(200), Hardness.edges, linewidth=1.8, **look)
        self.mean = top.axvline(0, linestyle=(0, (2, 2)), **look)
        names = [label for label in labels() if label in results or label == RANDOM_WALK]
        step, font = (0.19, 11) if len(names) <= FEW else (1 / len(names), 8)
        heights = {name: 0.95 - step * i for i, name in enumerate(names)}
        for text, name in zip(self.names, results, strict=True):
            text.set(y=heights[name], fontsize=font)
        at = (1.02, heights[RANDOM_WALK])
        self.name = top.text(*at, "", transform=top.transAxes, va="top", linespacing=1.25, fontsize=font, **look)
        self.bars = [
            bottom.barh(names.index(name), 0, color=color_of(name, names.index(name)), height=0.6)[0] for name in rates
        ]
        self.bar = bottom.barh(names.index(RANDOM_WALK), 0, height=0.6, **look)[0]
        draw_prior(bottom, rates[names[0]].prior)
        bottom.set_yticks(range(len(names)), names, fontsize=11 if len(names) <= FEW else 7)
        bottom.set(xlim=(0, 1), ylim=(len(names) - 0.5, -0.5), xlabel=rate_name)
        percent(bottom.xaxis)
        self.still = [*densities, *means, *self.names, *self.bars]  # until another batch size
        for artist in self.still:
            artist.set_animated(True)
        self.moving = [self.area, self.outline, self.mean, self.name, self.bar]
        self.show_others(results, rates, batch_size)

    def show_others(self, results: dict, rates: dict, batch_size: int) -> None:
        """Show the results of the other samplers at a batch size."""
        self.results, self.rates, self.batch_size = results, rates, batch_size
        for result, (area, outline, mean) in zip(results.values(), self.densities, strict=True):
            area.set_data(density(result))
            outline.set_data(density(result))
            mean.set_xdata([result.value] * 2)
        for text, (name, result) in zip(self.names, results.items(), strict=True):
            text.set_text(f"{name}\nmean {result.value:.2f}")
        for bar, rate in zip(self.bars, rates.values(), strict=True):
            bar.set_width(rate.value)
        used = np.flatnonzero(sum(result.histogram for result in results.values()))
        # In coarse steps, so that most batch sizes have the same axis.
        ends = np.floor(10 * Hardness.edges[used[0]]) / 10, np.ceil(10 * Hardness.edges[used[-1] + 1]) / 10
        self.axes[0].set_xlim(ends)

    def move(self, result: Hardness, found: FalseNegatives | EstimatedFalseNegatives) -> None:
        """Show the random walk's results."""
        highest = max(density(each).max() for each in (result, *self.results.values()))
        self._make_room(highest, max(each.value for each in (found, *self.rates.values())))
        self.area.set_data(density(result))
        self.outline.set_data(density(result))
        self.mean.set_xdata([result.value] * 2)
        self.name.set_text(f"{RANDOM_WALK}\nmean {result.value:.2f}")
        self.bar.set_width(found.value)

    def _make_room(self, highest: float, most: float) -> None:
        """Let the axes end where these values fit; the shares of pairs are few."""
        top, bottom = self.axes
        height = _STEP ** np.ceil(np.log(1.1 * highest) / np.log(_STEP))
        end = next((end for end in (0.05, 0.1, 0.25, 0.5) if self.paired and 1.2 * most < end), 1)
        top.set_ylim(0, height)
        bottom.set_xlim(0, end)


class HardnessExplorer(SheetExplorer[HardnessSheet, dict[str, Judged]]):
    """Sliders for the sampler's settings next to what they do to hardness and false negatives.

    Twenty random-walk batches of each setting, always from the same seeds, next to batches of the other samplers.

    Parameters
    ----------
    embeddings : array or tensor, shape (N, d), or SideBySide
        N >= 32.
    labels : array, shape (N,), optional
        Labels of one type, shown as they are; None, NaN or -1 mean no label.
    items : optional
        Pictures or texts of the instances, as `toolkit.plots.Thumbnails` takes them.
    targets : array or tensor, shape (N, d), optional
        Embeddings of targets, if the instances are pairs and `embeddings` are those of their queries.
    target_items : optional
        Pictures or texts of the targets.
    **settings
        Initial values of the sliders (n_candidates, n_neighbors, restart, batch_size), and seed.

    Attributes
    ----------
    restart, n_neighbors, n_candidates, batch_size : widgets
        The sliders; their ``value`` can also be set from code.
    samplers : SelectMultiple
        Labels of the samplers to show besides the random walk and the uniform one. Those that comparisons do not have
        by default are planned in the background.
    hardness, false_negatives : dict of name to result
        Those of the current setting; without labels, false negatives are estimated by clusters, or of pairs by their
        targets.

    Raises
    ------
    TypeError, ValueError
        For embeddings with NaN, Inf or zero rows, fewer than 32 of them, labels or items that are not one per row, and
        settings out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit.explorers import HardnessExplorer
    >>> points = np.random.default_rng(0).normal(size=(1000, 8))
    >>> explorer = HardnessExplorer(points, labels=np.arange(1000) % 10, n_neighbors=150)
    >>> explorer.restart.value = 0.5
    >>> sorted(explorer.hardness)
    ['Random walk', 'Uniform', 'kNN']
    """

    def __init__(
        self, embeddings, labels=None, items=None, *, targets=None, target_items=None, seed: int = 0, **settings
    ) -> None:
        super().__init__(embeddings, labels, items, targets=targets, target_items=target_items, seed=seed, **settings)
        self._hardness: dict[str, Hardness] = {}
        self._false_negatives: dict[str, FalseNegatives | EstimatedFalseNegatives] = {}
        shows_pairs = items is not None or target_items is not None
        menu = self._new_menu()
        self._start([self.controls, menu], [self._image], [self._new_pairs()] if shows_pairs else [])

    @property
    def hardness(self) -> dict[str, Hardness]:
        """Hardness of all batches of each sampler at the current setting."""
        self._complete()
        return self._hardness

    @property
    def false_negatives(self) -> dict[str, FalseNegatives | EstimatedFalseNegatives]:
        """False negatives of the same batches, estimated if there are no labels."""
        self._complete()
        return self._false_negatives

    def _sheet_of(self, references: dict[str, list]) -> HardnessSheet:
        """Return the sheet of these samplers; another batch size only moves what is on it."""
        size = self.batch_size.value
        judged = self._measured[size]
        judged |= {name: self._judge(references[name]) for name in references.keys() - judged.keys()}
        results, rates = ({name: judged[name][which] for name in references} for which in (0, 1))
        sheet = self._kept_sheet(
            tuple(references), lambda: HardnessSheet(results, rates, size, self._rate_name, self._samples.paired)
        )
        if sheet.batch_size != size:
            sheet.show_others(results, rates, size)
        return sheet

    def _measure(self, size: int) -> dict[str, Judged]:
        return {name: self._judge(batches) for name, batches in self._samples.references(size).items()}

    def _pairs_of(self, batches) -> pd.DataFrame | None:
        return self._hardest_pairs(batches, N_PAIRS) if hasattr(self, "pairs") else None

    def _ahead(self) -> list[tuple[int, Callable[[], object]]]:
        others = self.batch_size.others
        return super()._ahead() + [
            (steps, partial(self._prepare, size)) for steps, size in others if size not in self._measured
        ]

    def _prepare(self, size: int) -> None:
        self._measured[size] = self._measure(size)

    @property
    def _rate_name(self) -> str:
        if self._samples.paired and self._codes is None:
            return "estimated false negatives: share of in-batch pairs"
        which = "with the same label" if self._codes is not None else "in one cluster"
        return f"{self._estimated}false negatives: share of in-batch pairs {which}"

    def _show_walks(self, walked: Walked) -> None:
        result, found, stats = walked.hardness, walked.false_negatives, walked.stats
        self._sheet.move(result, found)
        self._hardness = self._sheet.results | {RANDOM_WALK: result}
        self._false_negatives = self._sheet.rates | {RANDOM_WALK: found}
        words = [f"hardness <b>{result.value:.3f}</b>"]
        if self._follows:
            size = self.batch_size.value
            words.append(f"the other samplers' batches are of {self._sheet.batch_size}; those of {size} follow …")
        words.append(f"{self._estimated}false negatives <b>{found.value:.1%}</b>{times_chance(found, ', {}')}")
        words.append(f"{stats.steps / stats.batches:.0f} steps a batch, {stats.reseeds} reseeds")
        words.append(self._words_on_time(walked))
        self._show_frame(self._sheet.moving, words, self._sheet.still, self._sheet.batch_size)
        if walked.pairs is not None:
            self._show_pairs("The most similar pairs of the random-walk batches:", walked.pairs)
