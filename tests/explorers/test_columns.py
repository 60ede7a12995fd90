"""What else is known of the instances: numbers, dates and classes by which a map is coloured and searched."""

import numpy as np
import pandas as pd
import pytest
from map_data import CODES, N, make, shades

from toolkit.explorers import ProximityGraphExplorer
from toolkit.explorers.columns import Columns, _date

NUMBERS = np.linspace(-1, 1, N)
DATES = pd.date_range("2020-01-01", periods=N)
TABLE = pd.DataFrame(
    {
        "score": np.where(np.arange(N) == 3, np.nan, NUMBERS),
        "day": DATES,
        "fold": CODES,
        "many": np.arange(N),
        "right": CODES == 2,
        "colour": np.where(CODES == 1, None, np.array(["red", "green", "blue", "pink", "grey"])[CODES]),
        "vector": [np.zeros(2)] * N,
        "label": CODES,
    },
    index=np.arange(N)[::-1],
)


@pytest.fixture(scope="module")
def columns():
    return Columns(TABLE, N)


def test_all_columns_are_kept_in_the_order_of_the_instances(columns):
    assert list(columns.frame) == list(TABLE)
    np.testing.assert_array_equal(columns.frame.many, TABLE.many.to_numpy())
    assert columns.frame.index.tolist() == list(range(N))


def test_arrays_colour_nothing(columns):
    assert columns.names == ["score", "day", "fold", "many", "right", "colour", "label"]


def test_numbers_have_a_scale_and_classes_a_legend():
    explorer = make(ProximityGraphExplorer, columns=TABLE)
    canvas, color_by = explorer.canvas, explorer.color_by
    assert color_by.options[-7:] == ("score", "day", "fold", "many", "right", "colour", "label (column)")
    color_by.value = "score"
    low, high = np.nanquantile(TABLE.score, [0.02, 0.98])
    assert (canvas.legend["low"], canvas.legend["high"]) == (f"{low:.4g}", f"{high:.4g}")
    assert shades(canvas)[3] == "", "NaN has no colour"
    positions = [canvas.palette.index(color) for color in np.delete(shades(canvas), 3)]
    assert positions == sorted(positions)
    color_by.value = "day"
    assert (canvas.legend["low"], canvas.legend["high"]) == ("2020-01-06", "2020-10-20")
    for name, entries in (("fold", list("01234")), ("right", ["False", "True"]), ("label (column)", list("01234"))):
        color_by.value = name
        assert canvas.legend["entries"] == entries
        assert not canvas.legend["named"], "only labels are named on the map"
    color_by.value = "colour"
    assert set(shades(canvas)[CODES == 1]) == {""}


def test_values_are_told_and_searched(columns):
    values = ["day: 2020-01-04 00:00:00", "fold: 3", "many: 3", "right: False", "colour: pink", "label: 3"]
    assert columns.lines(3) == values
    np.testing.assert_array_equal(columns.matching("re"), np.isin(CODES, [0, 4]) & (CODES != 1))


@pytest.mark.parametrize(
    ("columns", "exception", "message"),
    [
        ({"a": [1, 2]}, ValueError, r"columns\['a'\] must hold one value for each of 300 instances, got 2"),
        ([1, 2], TypeError, "columns must be a DataFrame or a mapping of name to values, got list"),
        ({"a": 5}, TypeError, r"columns\['a'\]"),
    ],
)
def test_other_columns_are_refused(columns, exception, message):
    with pytest.raises(exception, match=message):
        Columns(columns, N)


@pytest.mark.parametrize(
    ("first", "dates"),
    [
        ("2024-01-01", pd.date_range("2024-01-01", periods=N, tz="UTC")),
        ("2023-12-31", pd.date_range("2024-01-01", periods=N, tz="Asia/Tokyo")),
        ("1500-01-01", np.datetime64("1500-01-01", "s") + 86400 * np.arange(N)),
    ],
)
def test_dates_of_any_time_zone_and_century_have_a_scale(first, dates):
    found = Columns({"day": dates}, N)
    low = found._numbers["day"][0]
    assert _date(low) == first
    assert np.diff(found._numbers["day"]).tolist() == [86400] * (N - 1)
    assert found.lines(0)[0].startswith("day: ")
