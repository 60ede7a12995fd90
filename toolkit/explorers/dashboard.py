"""All explorers over one data set."""

import ipywidgets as widgets
import traitlets

from toolkit.explorers.base import Explorer
from toolkit.explorers.false_negatives import FalseNegativeExplorer
from toolkit.explorers.hardness import HardnessExplorer
from toolkit.explorers.monitor import TrainingMonitor
from toolkit.explorers.proximity_graph import ProximityGraphExplorer
from toolkit.explorers.walk_player import WalkPlayer

TIGHT = "-4px -13px"  # a tab's own padding leaves too little room in a notebook of 900 pixels
SHARED = ("n_candidates", "n_neighbors", "restart", "batch_size")


class Dashboard(Explorer):
    """The five explorers in tabs, with shared settings and a linked selection.

    A slider moves in all tabs, and so does the selected instance; choosing a batch among the false negatives selects
    its seed. Only the tab in sight computes: the others catch up when they are opened.

    Parameters
    ----------
    embeddings : array or tensor, shape (N, d)
        N >= 32.
    labels : array, shape (N,), optional
        Of any kind; strings are shown.
    items : optional
        What the instances look like, as `toolkit.plots.Thumbnails` takes them.
    history : History or mapping of name to History, optional
        Of trainings; `training.follow` shows one live.
    layout : {"umap", "pca"} or array, shape (N, 2)
        The map. UMAP is computed in the background, PCA is shown until then.
    seed : int
        Of all that is drawn.

    Attributes
    ----------
    graph, walk, hardness, false_negatives, training : explorers
    tabs : widgets.Tab

    Raises
    ------
    TypeError, ValueError
        For embeddings with NaN, Inf or zero rows, less than 32 of them, labels, items or positions that are not one per
        row, and another layout.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit.explorers import Dashboard
    >>> points = np.random.default_rng(0).normal(size=(200, 8))
    >>> dashboard = Dashboard(points, labels=np.arange(200) % 10, layout="pca")
    >>> dashboard.hardness.restart.value = 0.5
    >>> dashboard.walk.restart.value
    0.5
    """

    def __init__(self, embeddings, labels=None, items=None, history=None, layout="umap", seed: int = 0) -> None:
        self._links: list[traitlets.link] = []
        self.graph = ProximityGraphExplorer(embeddings, labels, items, layout, seed)
        self.walk = WalkPlayer(embeddings, labels, items, layout, seed)
        self.hardness = HardnessExplorer(embeddings, labels, items, seed)
        self.false_negatives = FalseNegativeExplorer(embeddings, labels, items, seed)
        self.training = TrainingMonitor(history)
        titled = {
            "Graph": self.graph,
            "Walk": self.walk,
            "Hardness": self.hardness,
            "False negatives": self.false_negatives,
            "Training": self.training,
        }
        for explorer in titled.values():
            explorer.layout.margin = TIGHT
        self.tabs = widgets.Tab(list(titled.values()), titles=list(titled))
        self._show_tab()
        self._link()
        self.tabs.observe(lambda change: self._show_tab(), "selected_index")
        widgets.VBox.__init__(self, [self.tabs])

    def _link(self) -> None:
        self.walk.controls.set_start(batch_size=self.hardness.batch_size.value)
        self._links.append(traitlets.link((self.graph.instance, "value"), (self.walk.instance, "value")))
        for explorer in (self.graph, self.walk, self.false_negatives):
            for name in SHARED:
                ends = (getattr(one, name) for one in (self.hardness, explorer))
                self._links.append(traitlets.link(*((end, "value") for end in ends)))
        self.false_negatives.batch.observe(self._select_seed, "value")

    def _select_seed(self, change) -> None:
        self.graph.instance.value = int(self.false_negatives.batches[change["new"] - 1][0])

    def _show_tab(self) -> None:
        for explorer in self.tabs.children:
            if explorer is self._selected:
                explorer.resume()
            else:
                explorer.pause()

    @property
    def _selected(self) -> Explorer:
        return self.tabs.children[self.tabs.selected_index or 0]

    def _png(self) -> bytes:
        """Return the picture of the tab in sight."""
        return self._selected._png()

    def close(self) -> None:
        """End all explorers; nothing stays in the kernel."""
        while self._links:
            self._links.pop().unlink()
        super().close()

    def __repr__(self) -> str:
        return repr(self.graph).replace("ProximityGraphExplorer", "Dashboard")
