"""See what hardness costs in false negatives, and choose a setting."""

import ipywidgets as widgets
import numpy as np

from toolkit import plots
from toolkit.explorers.controls import BudgetSlider, control_layout
from toolkit.explorers.sheets import Sheet, SheetExplorer
from toolkit.explorers.slider_base import ESTIMATED
from toolkit.explorers.walking import Walked
from toolkit.metrics import (
    EstimatedFalseNegatives,
    FalseNegatives,
    Frontier,
    Hardness,
    hardness_frontier,
)
from toolkit.metrics.frontier import with_references
from toolkit.plots.batches import times_chance
from toolkit.plots.style import INK, RANDOM_WALK, color_of

N_PAIRS = 5
SHARES = (1 / 2, 1 / 5, 1 / 10, 1 / 50)  # K / M of the frontier's lines
RESTARTS = (0.05, 0.2, 0.5, 0.8)


class FrontierSheet(Sheet):
    """The frontier, and on it the current setting, the budget and the suggested setting.

    Parameters
    ----------
    frontier : Frontier
    batch_size : int
    """

    def __init__(self, frontier: Frontier, batch_size: int) -> None:
        super().__init__(left=0.135, right=0.83, top=0.9, bottom=0.125)
        self.frontier, self.batch_size = frontier, batch_size
        (ax,) = self.axes
        plots.frontier(frontier, ax)
        ax.autoscale(False)  # what moves starts at 0
        blue = {"color": color_of(RANDOM_WALK), "animated": True, "zorder": 5}
        (self.across,) = ax.plot([0, 0], [0, 0], **blue)
        (self.along,) = ax.plot([0, 0], [0, 0], **blue)
        (self.point,) = ax.plot([0], [0], "o", markersize=11, markeredgecolor=INK, markeredgewidth=1.6, **blue)
        bold = {"transform": ax.transAxes, "va": "top", "weight": "bold", "fontsize": 10, "linespacing": 1.4}
        self.name = ax.text(0.02, 0.9, "", **bold, **blue)
        self.limit = ax.axhline(0, color=INK, linestyle=(0, (4, 3)), linewidth=1, animated=True)
        (self.star,) = ax.plot([0], [0], "*", markersize=16, markeredgecolor=INK, **blue)
        self.moving = [self.limit, self.across, self.along, self.name, self.point, self.star]

    def move_point(self, hardness: Hardness, found: FalseNegatives | EstimatedFalseNegatives, setting: str) -> None:
        """Show the results of a setting, with their intervals."""
        x, y = hardness.value, found.value
        self.point.set_data([x], [y])
        self.along.set_data(hardness.interval(), [y, y])
        self.across.set_data([x, x], found.interval())
        self.name.set_text(f"● {setting}")

    def move_star(self, budget: float | None) -> dict:
        """Show a budget and the hardest setting within it; return that setting, {} if there is none, as without one."""
        walks = self.frontier.walks
        within = walks[walks.false_negative_rate <= budget] if budget is not None else walks[:0]
        self.limit.set_visible(budget is not None)
        self.star.set_visible(len(within) > 0)
        self.limit.set_ydata([budget or 0] * 2)
        if not len(within):
            return {}
        best = within.loc[within.hardness.idxmax()]
        self.star.set_data([best.hardness], [best.false_negative_rate])
        sizes = {name: int(best[name]) for name in ("n_candidates", "n_neighbors")}
        return sizes | {"restart": float(best.restart)}


class FalseNegativeExplorer(SheetExplorer[FrontierSheet, Frontier]):
    """The frontier of hardness against false negatives, with the current setting as a point that moves on it.

    Uniform and kNN batches are its ends. The point stands for twenty batches, always of the same starts, and carries
    95 % intervals. The star is the hardest setting of the picture within the budget of false negatives, a line that
    `budget` moves; `use` goes there. Without labels, false negatives are estimated. Below the picture are
    the most similar false negatives of one of these batches, and the code of a sampler with the setting.

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
    restart, n_neighbors, n_candidates, batch_size, batch : widgets
        The sliders; their ``value`` can also be set from code. `batch` chooses whose false negatives are shown.
    budget, use : widgets
        The largest share of false negatives, and the button that sets the sliders to the star.
    samplers : SelectMultiple
        Labels of the samplers to show besides the random walk and the uniform one. Those that comparisons do not have
        by default are planned in the background.
    suggested : dict
        Settings of the star; empty if there is none within the budget.
    batches : int64 array, shape (n, B)
    hardness : Hardness
    false_negatives : FalseNegatives or EstimatedFalseNegatives
        Results of the random-walk batches at the current setting.
    frontier : Frontier
        What the picture shows.
    code : str
        A sampler with the current setting.

    Raises
    ------
    TypeError, ValueError
        For embeddings with NaN, Inf or zero rows, fewer than 32 of them, labels or items that are not one per row, and
        settings out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit.explorers import FalseNegativeExplorer
    >>> points = np.random.default_rng(0).normal(size=(1000, 8))
    >>> explorer = FalseNegativeExplorer(points, labels=np.arange(1000) % 10)
    >>> explorer.restart.value = 0.5
    >>> explorer.code
    'RandomWalkBatchSampler(1000, batch_size=256, n_candidates=999, n_neighbors=100, restart=0.5)'
    """

    def __init__(
        self, embeddings, labels=None, items=None, *, targets=None, target_items=None, seed: int = 0, **settings
    ) -> None:
        super().__init__(embeddings, labels, items, targets=targets, target_items=target_items, seed=seed, **settings)
        self._found: Walked
        self.suggested: dict = {}
        self.batch = self._batch_slider("Whose false negatives are shown below.", self._show_batch)
        tooltip = "The largest share of false negatives: the star is the hardest setting within it"
        self.budget = BudgetSlider(self._usual_budget(self.batch_size.value), tooltip)
        self.use = widgets.Button(
            description="Use the star",
            tooltip="Set the sliders to the suggested setting",
            layout=control_layout()["layout"],
        )
        self.budget.observe(lambda change: self._changed(change["owner"]), "value")
        self.use.on_click(lambda _: self._attempt(self._use))
        self.text = widgets.Text(
            description="as code",
            tooltip="A sampler with this setting, to copy",
            layout=widgets.Layout(width="auto"),
        )
        controls = [self.controls, self.budget, self.use, self.batch, self._new_menu()]
        self._start(controls, [self._image], [self.text, self._new_pairs()])

    @property
    def batches(self) -> np.ndarray:
        """The random walk's batches at the current setting."""
        self._complete()
        return self._found.batches

    @property
    def hardness(self) -> Hardness:
        """Their hardness."""
        self._complete()
        return self._found.hardness

    @property
    def false_negatives(self) -> FalseNegatives | EstimatedFalseNegatives:
        """Their false negatives, estimated if there are no labels."""
        self._complete()
        return self._found.false_negatives

    @property
    def code(self) -> str:
        """A sampler with the current setting."""
        shown = self.controls.settings
        names = ("batch_size", "n_candidates", "n_neighbors", "restart")
        settings = ", ".join(f"{name}={shown[name]}" for name in names)
        return f"RandomWalkBatchSampler({self._samples.n}, {settings})"

    def _measure(self, size: int) -> Frontier:
        widest = min(1000, self._samples.n - 1)
        graphs = [(widest, max(int(widest * share), 2)) for share in SHARES]
        return hardness_frontier(self._samples, self._codes, size, graphs=graphs, restarts=RESTARTS, loss_gaps=False)

    def _sheet_of(self, references: dict[str, list]) -> FrontierSheet:
        size = self.batch_size.value

        def new() -> FrontierSheet:
            frontier = self._measured[size]
            if list(references) != frontier.references.sampler.tolist():
                frontier = with_references(frontier, references, self._codes, self._samples)
            return FrontierSheet(frontier, size)

        return self._kept_sheet((size, *references), new)

    @property
    def frontier(self) -> Frontier:
        """What the picture shows; what is being measured is waited for."""
        self._complete()
        return self._sheet.frontier

    @property
    def _least(self) -> int:
        return self.batch.value

    def _show_walks(self, walked: Walked) -> None:
        self._found = walked
        hardness, found = walked.hardness, walked.false_negatives
        words = [f"hardness <b>{hardness.value:.3f}</b>{_plus_minus(hardness, '.3f')}"]
        setting = f"restart {self.restart.value:g}, K / M = {self.n_neighbors.value} / {self.n_candidates.value}"
        size = self.batch_size.value
        if self._follows:
            setting += f"\nlines: batches of {self._sheet.batch_size}; those of {size} follow …"
            words.append(f"measuring the lines for batches of {size} …")
        self._sheet.move_point(hardness, found, setting)
        self.suggested = self._sheet.move_star(None if self._follows else self.budget.value)
        self.use.disabled = not self.suggested
        rate = f"<b>{found.value:.1%}</b>{_plus_minus(found, '.1%')}{times_chance(found, ', {}')}"
        words.append(f"{self._estimated}false negatives {rate}")
        words.append(self._words_on_time(walked))
        self._show_frame(self._sheet.moving, words)
        self.text.value = self.code
        self.batch.max = self._n_walks
        self._show_batch()

    def _use(self) -> None:
        """Set the sliders to the star."""
        for name, value in self.suggested.items():
            getattr(self, name).value = value

    def _show_batch(self) -> None:
        """Show false negatives of the chosen batch."""
        number = self.batch.value
        walks, found = self._found.batches, self._found.false_negatives
        if number > len(walks):  # the others are on their way
            self._complete()
            return
        batch, rate = walks[number - 1], found.values[number - 1]
        n_pairs = len(batch) * (len(batch) - 1) // 2
        if self._codes is None:
            estimated = ESTIMATED["positives" if self._samples.paired else "clusters"]
            heading = f"{estimated} Batch {number}: {rate:.1%} of {n_pairs:,} pairs. The most similar pairs:"
            self._show_pairs(heading, self._hardest_pairs([batch], N_PAIRS))
            return
        pairs = self._hardest_pairs([batch], N_PAIRS, only_false=True)
        heading = f"Batch {number}: {round(rate * n_pairs):,} of {n_pairs:,} pairs are false negatives ({rate:.1%})"
        self._show_pairs(heading + (". The most similar of them:" if len(pairs) else "."), pairs)


def _plus_minus(result: Hardness | FalseNegatives | EstimatedFalseNegatives, form: str) -> str:
    """Return half the 95 % interval in words; nothing for a single batch, which has none."""
    half = result.interval()[1] - result.value
    return f" ± {half:{form}}" if np.isfinite(half) else ""
