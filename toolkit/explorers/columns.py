"""What else is known of the instances: columns by which a map is coloured and searched."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from toolkit import _checks
from toolkit.explorers.point_map import PointMap
from toolkit.plots.writing import whole

_FEW = 20  # different whole numbers, which then count as classes
_MOST_CLASSES = 1000
_LONGEST = 60  # characters of a value below the pointer


class Columns:
    """Columns of one value per instance: numbers, dates, and classes of whatever kind.

    Columns with arrays in them, and with more than 1,000 different words, stay in the table and colour nothing.

    Parameters
    ----------
    columns : DataFrame or mapping of name to sequence, optional
        Rows are the instances in order; an index of a DataFrame's own is not used.
    n : int
        Number of instances.

    Attributes
    ----------
    frame : DataFrame
        All of them, n rows.
    names : list of str
        Those that a map can be coloured by.

    Raises
    ------
    TypeError, ValueError
        For anything but a table, and columns of another length.

    Examples
    --------
    >>> columns = Columns({"year": [1990, 2001, 1990], "price": [1.5, 2.5, None]}, 3)
    >>> columns.names, columns.lines(2)
    (['year', 'price'], ['year: 1990'])
    """

    def __init__(self, columns, n: int) -> None:
        self.frame = _table(columns, n)
        self._numbers: dict[str, np.ndarray] = {}
        self._classes: dict[str, tuple[np.ndarray, list[str]]] = {}
        for name, values in self.frame.items():
            self._sort_in(str(name), values)
        self.names = [name for name in map(str, self.frame) if name in self._numbers or name in self._classes]

    def _sort_in(self, name: str, values: pd.Series) -> None:
        if _is_number(values):
            self._numbers[name] = _floats(values)
            return
        try:
            codes, found = pd.factorize(values, sort=True)
        except TypeError:  # arrays, lists, or words and numbers in one column
            return
        if len(found) <= _MOST_CLASSES:
            self._classes[name] = codes, [str(each) for each in found]

    def show(self, name: str, canvas: PointMap) -> None:
        """Colour the points of a map by a column."""
        if name in self._classes:
            canvas.show_classes(*self._classes[name], title=name)
            return
        dates = pd.api.types.is_datetime64_any_dtype(self.frame[name])
        canvas.show_values(self._numbers[name], name, _date if dates else "{:.4g}".format)

    def lines(self, index: int) -> list[str]:
        """Return the values of an instance as text."""
        row = {name: self.frame[name].iloc[index] for name in self.names}
        texts = {name: f"{value:.4g}" if isinstance(value, float) else str(value) for name, value in row.items()}
        return [f"{name}: {short(texts[name], _LONGEST)}" for name, value in row.items() if not pd.isna(value)]

    def matching(self, words: str) -> np.ndarray:
        """Return for which instances a class holds some words, in small letters; bool, shape (n,)."""
        found = np.zeros(len(self.frame), bool)
        for codes, names in self._classes.values():
            found |= np.isin(codes, [code for code, name in enumerate(names) if words in name.lower()])
        return found


def _table(columns, n: int) -> pd.DataFrame:
    if columns is None:
        return pd.DataFrame(index=range(n))
    if not isinstance(columns, (pd.DataFrame, Mapping)):
        raise TypeError(f"columns must be a DataFrame or a mapping of name to values, got {type(columns).__name__}")
    for name, values in columns.items():
        values = _checks.listed(f"columns[{name!r}]", values, "one for each instance")
        if len(values) != n:
            raise ValueError(f"columns[{name!r}] must hold one value for each of {n} instances, got {len(values)}")
    texts = {whole(str(name)): [storable(value) for value in values] for name, values in columns.items()}
    return pd.DataFrame({name: pd.Series(values) for name, values in texts.items()}, index=range(n))


def storable(value):
    """Return a text as pandas can keep it, without half characters; anything else as it is."""
    return whole(value) if isinstance(value, str) else value


def _is_number(values: pd.Series) -> bool:
    """Return whether a column has a scale; a few different whole numbers are classes."""
    kinds = pd.api.types
    if kinds.is_datetime64_any_dtype(values):
        return True
    if not kinds.is_numeric_dtype(values) or kinds.is_bool_dtype(values):
        return False
    return not (kinds.is_integer_dtype(values) and values.nunique() <= _FEW)


def _floats(values: pd.Series) -> np.ndarray:
    if pd.api.types.is_datetime64_any_dtype(values):
        if values.dt.tz is not None:
            values = values.dt.tz_convert("UTC").dt.tz_localize(None)
        return np.where(values.isna(), np.nan, values.astype("datetime64[s]").astype("int64").astype(float))
    return values.astype(float).to_numpy()


def _date(value: float) -> str:
    return str(np.datetime64(round(value), "s").astype("datetime64[D]"))


def short(text: str, longest: int) -> str:
    """Return a text, cut off where it is longer than so many characters."""
    return text if len(text) <= longest else text[: longest - 1] + "…"
