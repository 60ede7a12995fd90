"""All explorers over one data set."""

from typing import Any

import ipywidgets as widgets
import numpy as np
import pandas as pd
import traitlets

from toolkit.explorers.base import Explorer
from toolkit.explorers.false_negatives import FalseNegativeExplorer
from toolkit.explorers.hardness import HardnessExplorer
from toolkit.explorers.monitor import TrainingMonitor, named_histories
from toolkit.explorers.pairs import PairExplorer
from toolkit.explorers.proximity_graph import ProximityGraphExplorer
from toolkit.explorers.selection import SelectionExplorer
from toolkit.explorers.tuner import TunerExplorer
from toolkit.explorers.walk_player import WalkPlayer
from toolkit.samplers.side_by_side import SideBySide

TIGHT = "-4px -13px"  # a tab's own padding leaves too little room in a notebook of 900 pixels


class Dashboard(Explorer):
    """Explorers in tabs, with shared settings and a shared selection.

    A slider moves in all tabs, and so do the instance that is shown and what is selected on a map; choosing a batch
    among the false negatives shows its seed. Only the tab in sight computes: the others catch up when they are opened.

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
    history : History or mapping of name to History, optional
        Histories of trainings; `training.follow` shows one live.
    columns : DataFrame or mapping of name to sequence, optional
        What else is known of the instances: the map can be coloured by it and searched.
    projection : {"umap", "pca"} or array, shape (N, 2)
        Positions on the map. UMAP is computed in the background; PCA is shown until then.
    **settings
        Initial values of the sliders (n_candidates, n_neighbors, restart, batch_size), and seed.

    Attributes
    ----------
    graph, walk, pairs, hardness, false_negatives, tuner, through, training : explorers
        `through` shows the batches through the selection; `pairs` is None without targets.
    tabs : widgets.Tab
    numbers, message : widgets.HTML
        Those of the tab in sight.

    Raises
    ------
    TypeError, ValueError
        For embeddings with NaN, Inf or zero rows, fewer than 32 of them, labels or items that are not one per row, and
        settings out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit.explorers import Dashboard
    >>> points = np.random.default_rng(0).normal(size=(200, 8))
    >>> dashboard = Dashboard(points, labels=np.arange(200) % 10, projection="pca")
    >>> dashboard.hardness.restart.value = 0.5
    >>> dashboard.walk.restart.value
    0.5
    """

    def __init__(
        self,
        embeddings,
        labels=None,
        items=None,
        *,
        targets=None,
        target_items=None,
        history=None,
        columns=None,
        projection="umap",
        seed: int = 0,
        **settings,
    ) -> None:
        self._links = []
        histories = named_histories(history)
        samples = SideBySide.of(embeddings, seed, targets=targets)
        data = samples, labels, items
        maps: dict[str, Any] = {"target_items": target_items, "columns": columns, "projection": projection}
        self.graph = ProximityGraphExplorer(*data, **maps, **settings)
        settings = self.graph.controls.settings
        batches: dict[str, Any] = {"target_items": target_items} | settings
        self.walk = WalkPlayer(*data, **maps, **settings)
        self.pairs = PairExplorer(*data, **batches) if samples.paired else None
        self.hardness = HardnessExplorer(*data, **batches)
        self.false_negatives = FalseNegativeExplorer(*data, **batches)
        self.tuner = TunerExplorer(
            *data, target_items=target_items, batch_size=settings["batch_size"], paused=True, seed=samples.seed
        )
        self.through = SelectionExplorer(*data, **batches)
        self.training = TrainingMonitor(histories)
        titled = {
            "Graph": self.graph,
            "Walk": self.walk,
            "Pairs": self.pairs,
            "Hardness": self.hardness,
            "False negatives": self.false_negatives,
            "Tuner": self.tuner,
            "Selection": self.through,
            "Training": self.training,
        }
        titled = {title: explorer for title, explorer in titled.items() if explorer is not None}
        self._explorers = list(titled.values())
        boxes = [widgets.Box([explorer], layout=widgets.Layout(margin=TIGHT)) for explorer in self._explorers]
        self.tabs = widgets.Tab(boxes, titles=list(titled))
        self.tabs.add_class("tk-tabs")
        self._link(self.graph.instance, self.walk.instance)
        self._link(self.graph.color_by, self.walk.color_by)
        self._link(self.graph.canvas, self.walk.canvas, "chosen")
        self._links.append(traitlets.link((self.graph.canvas, "chosen"), (self.through, "chosen")))
        if self.pairs is not None:
            self._link(self.graph.instance, self.pairs.query)
        self._link(self.hardness.samplers, self.false_negatives.samplers)
        self._link(self.false_negatives.budget, self.tuner.budget)
        self._link(self.hardness.batch_size, self.tuner.batch_size)
        others = (self.graph, self.walk, self.through, self.false_negatives, self.pairs)
        for explorer in (each for each in others if each is not None):
            for first, second in zip(self.hardness.controls.sliders, explorer.controls.sliders, strict=True):
                self._link(first, second)
        self.false_negatives.batch.observe(self._select_seed, "value")
        self._show_tab()
        self.tabs.observe(lambda change: self._show_tab(), "selected_index")
        widgets.VBox.__init__(self, [self.tabs])

    @property
    def selection(self) -> np.ndarray:
        """Which instances are selected on the maps, in ascending order; int64. Set it to any indices."""
        return self.graph.selection

    @selection.setter
    def selection(self, indices) -> None:
        self.graph.selection = indices

    def frame(self) -> pd.DataFrame:
        """Return what is known of the selected instances, as `ProximityGraphExplorer.frame` does."""
        return self.graph.frame()

    def _link(self, first: widgets.Widget, second: widgets.Widget, trait: str = "value") -> None:
        self._links.append(traitlets.link((first, trait), (second, trait)))

    def _select_seed(self, change) -> None:
        self.graph.instance.value = int(self.false_negatives.batches[change["new"] - 1][0])

    def _show_tab(self) -> None:
        for explorer in self._explorers:
            if explorer is self._selected:
                explorer.resume()
            else:
                explorer.pause()

    @property
    def _selected(self) -> Explorer:
        return self._explorers[self.tabs.selected_index or 0]

    @property
    def numbers(self) -> widgets.HTML:
        """The live numbers of the tab in sight."""
        return self._selected.numbers

    @property
    def message(self) -> widgets.HTML:
        """The error of the last change in the tab in sight."""
        return self._selected.message

    def pause(self) -> None:
        """Do nothing on changes until `resume`."""
        self._selected.pause()

    def resume(self) -> None:
        """Follow changes again in the tab in sight."""
        self._selected.resume()

    def png(self) -> bytes:
        """Return the picture of the tab in sight as a PNG, as pages without JavaScript show it."""
        return self._selected.png()

    def svg(self) -> bytes:
        """Return the picture of the tab in sight as an SVG."""
        return self._selected.svg()

    def close(self) -> None:
        """End all explorers; nothing stays in the kernel."""
        while self._links:
            self._links.pop().unlink()
        super().close()

    def __repr__(self) -> str:
        return repr(self.graph).replace("ProximityGraphExplorer", "Dashboard")
