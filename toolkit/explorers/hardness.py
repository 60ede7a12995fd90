"""See how the sampler's settings change what is in a batch."""

import time

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

from toolkit import _checks, plots
from toolkit.draws import Draws
from toolkit.explorers.base import PICTURE_WIDTH, Explorer
from toolkit.explorers.controls import SamplerControls
from toolkit.explorers.picture import Picture
from toolkit.metrics import FalseNegatives, Hardness, batch_hardness, false_negative_rate
from toolkit.plots.hardness import density, draw_prior, times_chance
from toolkit.plots.style import COLORS, KNN, RANDOM_WALK, UNIFORM, style


class HardnessExplorer(Explorer):
    """Sliders for the sampler's settings beside what they do to hardness and false negatives.

    Twenty batches are drawn at each setting, always from the same seeds, next to uniform and kNN batches of the
    same size.

    Parameters
    ----------
    embeddings : array or tensor, shape (N, d)
        N >= 32.
    labels : array, shape (N,), optional
        For the false negatives; without them that panel says so.
    seed : int
        Of all batches drawn.

    Attributes
    ----------
    restart, n_neighbors, n_candidates, batch_size : widgets
        The controls; set their ``value`` from code as well.
    hardness, false_negatives : dict of name to result
        What is shown now.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit.explorers import HardnessExplorer
    >>> points = np.random.default_rng(0).normal(size=(1000, 8))
    >>> explorer = HardnessExplorer(points, labels=np.arange(1000) % 10)
    >>> explorer.restart.value = 0.5
    >>> sorted(explorer.hardness)
    ['Random walk', 'Uniform', 'kNN']
    """

    def __init__(self, embeddings, labels=None, seed: int = 0) -> None:
        self._draws = Draws(embeddings, seed=seed)
        n = _checks.integer("number of embeddings", self._draws.n, 32)
        self._labels = None if labels is None else _checks.labels(labels, n)
        self.hardness: dict[str, Hardness] = {}
        self.false_negatives: dict[str, FalseNegatives] = {}
        self._shown_size = 0
        self.controls = SamplerControls(n, self._changed)
        self.restart, self.n_neighbors, self.n_candidates, self.batch_size = self.controls.sliders
        self.reset = self.controls.reset
        self._build_picture()
        self._arrange([self.controls], [self._image])
        self._respond()

    def _build_picture(self) -> None:
        with style():
            # Fixed margins: a layout that follows the labels would jump between frames.
            self._figure = Figure(figsize=(6.2, 4.6), dpi=130, layout="none")
            self._axes = self._figure.subplots(2, 1, height_ratios=[3, 1.4])
            self._figure.subplots_adjust(left=0.18, right=0.82, top=0.98, bottom=0.1, hspace=0.4)
        self._picture = Picture(self._figure)
        self._image = widgets.Image(format="png", layout=widgets.Layout(width=PICTURE_WIDTH, max_width="100%"))

    def _respond(self, moved=None) -> None:
        if self._shown_size != self.batch_size.value:
            self._show_references()
        self._show_walks()

    def _measure(self, name: str, batches) -> None:
        self.hardness[name] = batch_hardness(batches, self._draws.vectors)
        if self._labels is not None:
            self.false_negatives[name] = false_negative_rate(batches, self._labels)

    def _show_references(self) -> None:
        """Draw uniform and kNN batches of the present size, and the layer that stays."""
        size = self.batch_size.value
        self._measure(UNIFORM, self._draws.uniform(size))
        self._measure(KNN, self._draws.knn(size))
        top, bottom = self._axes
        with style():
            top.clear()
            bottom.clear()
            references = {name: self.hardness[name] for name in (UNIFORM, KNN)}
            plots.hardness(references, top)
            peak = max(density(result).max() for result in references.values())
            top.set(ylim=(0, 1.1 * peak), yticks=[])
            blue = {"color": COLORS[RANDOM_WALK], "animated": True}
            self._area = top.stairs(np.zeros(200), Hardness.edges, fill=True, alpha=0.35, **blue)
            self._outline = top.stairs(np.zeros(200), Hardness.edges, linewidth=1.8, **blue)
            self._mean = top.axvline(0, linestyle=(0, (2, 2)), **blue)
            top.texts[1].set_y(0.57)  # kNN goes last
            self._name = top.text(1.02, 0.76, "", transform=top.transAxes, va="top", linespacing=1.25, **blue)
            self._moving = [self._area, self._outline, self._mean, self._name]
            self._show_reference_rates(bottom)
        self._picture.forget()
        self._shown_size = size

    def _show_reference_rates(self, ax) -> None:
        if self._labels is None:
            ax.set_axis_off()
            ax.text(0, 0.5, "No labels given: false negatives can't be counted.", va="center")
            return
        prior = self.false_negatives[UNIFORM].prior
        names = (UNIFORM, RANDOM_WALK, KNN)
        for i, name in enumerate(names):
            if name != RANDOM_WALK:
                ax.barh(i, self.false_negatives[name].rate, color=COLORS[name], height=0.6)
        self._bar = ax.barh(1, 0, color=COLORS[RANDOM_WALK], height=0.6, animated=True)[0]
        self._moving.append(self._bar)
        draw_prior(ax, prior)
        ax.set_yticks(range(3), names)
        ax.set(xlim=(0, 1), ylim=(2.5, -0.5), xlabel="false negatives: share of in-batch pairs with the same label")
        ax.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")

    def _show_walks(self) -> None:
        """Draw random-walk batches at the present settings, and the layer that moves."""
        began = time.perf_counter()
        batches, stats = self._draws.walks(**self.controls.settings)
        seconds = time.perf_counter() - began
        self._measure(RANDOM_WALK, batches)
        result = self.hardness[RANDOM_WALK]
        top = self._axes[0]
        if density(result).max() > top.get_ylim()[1]:
            top.set_ylim(0, 1.1 * density(result).max())
            self._picture.forget()
        self._area.set_data(density(result))
        self._outline.set_data(density(result))
        self._mean.set_xdata([result.mean] * 2)
        self._name.set_text(f"{RANDOM_WALK}\nmean {result.mean:.2f}")
        words = [f"hardness <b>{result.mean:.3f}</b>"]
        if self._labels is not None:
            found = self.false_negatives[RANDOM_WALK]
            self._bar.set_width(found.rate)
            words.append(f"false negatives <b>{found.rate:.1%}</b>{times_chance(found, ', {}')}")
        words.append(f"{stats.steps / stats.batches:.0f} steps a batch, {stats.reseeds} reseeds")
        words.append(f"{seconds * 1000:.0f} ms for {stats.batches} batches")
        self._image.value = self._picture.png(self._moving)
        self.numbers.value = " &nbsp;·&nbsp; ".join(words)

    def _png(self) -> bytes:
        return self._image.value

    def __repr__(self) -> str:
        return f"HardnessExplorer(n={self._draws.n}, labels={self._labels is not None})"
