"""What explorers with maps share: the instance that is shown, a selection, colours, search, a table of all that."""

from collections.abc import Sequence
from functools import cached_property

import ipywidgets as widgets
import numpy as np
import pandas as pd

from toolkit.explorers.base import ItemExplorer
from toolkit.explorers.columns import Columns, short, storable
from toolkit.explorers.controls import control_layout
from toolkit.explorers.map_positions import MapPositions
from toolkit.explorers.point_map import PointMap, pack, unpack
from toolkit.plots.thumbnails import Thumbnails

LABEL, LONGEST = "label", 200  # characters of a text below the pointer


class Selecting(ItemExplorer):
    """An explorer with one or several maps of the same instances, which share what is selected and its colours.

    A subclass names its `_measures`, computes them in `_values`, and calls `_share` when its maps are there.
    """

    columns: Columns
    _measures: tuple[str, ...] = ()
    _explained = ""
    _maps: Sequence[PointMap]
    _positions: Sequence[MapPositions]

    def _share(self, maps: Sequence[PointMap], positions: Sequence[MapPositions]) -> None:
        """Make the controls that all maps share, and listen to the maps."""
        self._maps, self._positions = maps, positions
        self.instance = widgets.BoundedIntText(
            min=0,
            max=self._samples.n - 1,
            description="instance",
            tooltip="Number of the instance that is shown (★)",
            **control_layout(),
        )
        own = [LABEL] if self._codes is not None else []
        taken = {*own, *self._measures}
        self._columns_shown = {f"{name} (column)" if name in taken else name: name for name in self.columns.names}
        self.color_by = widgets.Dropdown(
            options=[*own, *self._measures, *self._columns_shown],
            description="colour",
            tooltip=self._explained,
            **control_layout(),
        )
        self.search = widgets.Text(
            description="search",
            placeholder="word or number",
            continuous_update=False,
            tooltip="Select the instances whose text, label or class contains these words",
            **control_layout(),
        )
        self._shown_colors = None
        self.instance.observe(self._on_instance, "value")
        for canvas in maps:
            canvas.observe(self._on_selected, "selected")
            canvas.observe(self._on_chosen, "chosen")
        self.color_by.observe(lambda change: self._changed(change["owner"]), "value")
        self.search.observe(lambda change: self._attempt(self._search, change["new"]), "value")

    def _on_instance(self, _change) -> None:
        for canvas in self._maps:
            canvas.selected = self.instance.value

    def _on_selected(self, change) -> None:
        canvas = change["owner"]
        self.instance.value = canvas.selected  # which keeps it in range
        canvas.selected = self.instance.value
        self._changed(canvas)

    def _on_chosen(self, change) -> None:
        for canvas in self._maps:
            canvas.chosen = change["new"]

    # The selection

    @property
    def selection(self) -> np.ndarray:
        """Which instances are selected on the map, in ascending order; int64. Set it to any indices."""
        return unpack(self._maps[0].chosen)

    @selection.setter
    def selection(self, indices) -> None:
        self._maps[0].chosen = pack(indices, self._samples.n)

    def frame(self) -> pd.DataFrame:
        """Return what is known of the selected instances, or of all if none is selected, a row each.

        Returns
        -------
        DataFrame
            The instances' numbers as index; ``label``, ``text`` and the targets' ``target`` where there are any, the
            columns given, and what the map can be coloured by.
        """
        chosen = self.selection
        rows = chosen if len(chosen) else np.arange(self._samples.n)
        known = {}
        if self._labels is not None:
            known["label"] = [storable(label) for label in self._labels[rows]]
        for name, texts in self._sides_in_words.items():
            known[name] = [storable(texts.text(int(index))) for index in rows]
        measured = {name: self._values(name)[0][rows] for name in self._measures}
        given = self.columns.frame.iloc[rows].reset_index(drop=True)
        given = given.drop(columns=[name for name in given if name in known or name in measured])
        return pd.concat([pd.DataFrame(known), given, pd.DataFrame(measured)], axis=1).set_index(rows)

    def _search(self, words: str) -> None:
        """Select the instances whose text, label or class holds some words, or whose number they are."""
        words = words.strip().lower()
        found = np.zeros(self._samples.n, bool)
        if words:
            found |= self.columns.matching(words)
            if self._codes is not None:
                found |= np.isin(self._codes, [code for code, name in enumerate(self._names) if words in name.lower()])
            for texts in self._texts:
                found |= np.array([words in text for text in texts])
            number = words.removeprefix("#")
            if number.isdecimal() and int(number) < len(found):
                found[int(number)] = True
        self._maps[0].status = "" if found.any() or not words else f"nothing contains {words!r}"
        self.selection = np.flatnonzero(found)

    @property
    def _sides_in_words(self) -> dict[str, Thumbnails]:
        """The instances, and their targets if there are any, where they are texts; by the name of a column."""
        sides = {"text": self.thumbnails, "target": self.target_thumbnails}
        return {name: side for name, side in sides.items() if side is not None and side.kind == "text"}

    @cached_property
    def _texts(self) -> list[list[str]]:
        """The texts of each side in small letters."""
        return [[side.text(i).lower() for i in range(self._samples.n)] for side in self._sides_in_words.values()]

    def _lines(self, index: int) -> list[str]:
        """Return an instance in words, besides its number and label."""
        arrows = {"text": "", "target": "→ "}
        texts = [short(arrows[name] + side.text(index), LONGEST) for name, side in self._sides_in_words.items()]
        return texts + self.columns.lines(index)

    def _tell(self, index: int) -> dict:
        """Return what is shown of an instance below the pointer, besides its number and label."""
        sides = [side for side in (self.thumbnails, self.target_thumbnails) if side is not None]
        pictures = [side.address(index) for side in sides if side.kind in ("image", "drawing")]
        return {"lines": self._lines(index), "pictures": pictures}

    # Colours

    def _show_colors(self) -> None:
        name = self.color_by.value
        wanted = name, self._state_of(name)
        if wanted == self._shown_colors:
            return
        for canvas in self._maps:
            if name in self._measures:
                canvas.show_values(*self._values(name))
            elif name == LABEL and self._codes is not None:
                canvas.show_classes(self._codes, self._names)
            elif name is not None:
                self.columns.show(self._columns_shown[name], canvas)
        self._shown_colors = wanted

    def _state_of(self, name: str):
        """Return what a measure depends on, besides the embeddings."""

    def _values(self, name: str):
        """Return a measure: one number per instance, what it means, and how it is written."""
        raise NotImplementedError

    def close(self) -> None:
        """End the widget, and the maps that are being computed; nothing stays in the kernel."""
        for positions in getattr(self, "_positions", ()):  # none if its arguments were refused
            positions.close()
        super().close()
