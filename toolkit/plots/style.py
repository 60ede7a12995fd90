"""The one style of all figures."""

import functools
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager

import matplotlib as mpl

from toolkit.plots.writing import whole
from toolkit.samplers.registry import SAMPLERS

UNIFORM, KNN, RANDOM_WALK = (SAMPLERS[name].label for name in ("uniform", "knn", "random_walk"))
COLORS = {kind.label: kind.color for kind in SAMPLERS.values()}
FALSE_NEGATIVE = "#D55E00"
INK, FAINT = "#222222", "#999999"
OTHERS = ("#009E73", "#E69F00", "#56B4E9", "#7A6C5D")
# Of classes on maps: Paul Tol's "muted", told apart by most eyes and none of the colours above.
CLASSES = ("#88CCEE", "#CC6677", "#DDCC77", "#117733", "#332288", "#AA4499", "#44AA99", "#999933", "#882255", "#661100")
UNLABELLED = "#DDDDDD"

STYLE = {
    "figure.figsize": (6.4, 3.4),
    "figure.dpi": 100,
    "figure.constrained_layout.use": True,
    "figure.facecolor": "white",
    "savefig.dpi": 200,
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#666666",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": mpl.cycler(color=OTHERS),
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "text.color": INK,
    "text.parse_math": False,  # names are the users' own, and may hold dollars
    "text.usetex": False,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
}


@contextmanager
def style() -> Generator[None]:
    """Set the toolkit's style, and the user's again at the end.

    Unlike `matplotlib.rc_context` it leaves all other settings alone: a backend that is loaded by the first figure
    sets some, and notebooks show no figure without them.
    """
    before = {name: mpl.rcParams[name] for name in STYLE}
    mpl.rcParams.update(STYLE)
    try:
        yield
    finally:
        mpl.rcParams.update(before)


def styled(plot: Callable) -> Callable:
    """Draw with the toolkit's style and leave the user's settings as they are; names become such as can be drawn."""

    @functools.wraps(plot)
    def draw(*args, **kwargs):
        with style():
            return plot(*map(_drawable, args), **{name: _drawable(value) for name, value in kwargs.items()})

    return draw


def _drawable(argument):
    """Return results by name with names that fonts take, anything else as it is."""
    if not isinstance(argument, dict):
        return argument
    return {whole(name) if isinstance(name, str) else name: result for name, result in argument.items()}


def new_axes(ax, **figure):
    """Return `ax`, or the axes of a new figure."""
    if ax is not None:
        from matplotlib.axes import Axes

        if not isinstance(ax, Axes):
            raise TypeError(f"ax must be Matplotlib axes, got {type(ax).__name__}: leave it out for a new figure")
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(**figure)[1]


def color_of(name: str, position: int = 0) -> str:
    """Return the fixed colour of a sampler, by the start of its name, or one of the free colours."""
    fixed = [kind.color for kind in SAMPLERS.values() if name.lower().startswith(kind.label.lower())]
    return fixed[0] if fixed else OTHERS[position % len(OTHERS)]


def side_labels(ax, labels: Mapping[str, str]) -> None:
    """Write labels in a column right of the axes, each in its colour (colour by text)."""
    step = min(0.19, 0.95 / max(len(labels), 1))
    for i, (text, color) in enumerate(labels.items()):
        ax.text(1.02, 0.95 - step * i, text, color=color, transform=ax.transAxes, va="top", linespacing=1.25)


def note(ax, text: str, xy: tuple[float, float], offset: tuple[float, float] = (4, 0), **look) -> None:
    """Write a small text some points from a position; `look` is as for `Axes.annotate`."""
    ax.annotate(text, xy, offset, textcoords="offset points", **{"va": "center", "fontsize": 9} | look)


def mark(ax, value: float, name: str, vertical: bool = True, end: float = 1, offset=(0, 3), **look) -> None:
    """Draw a thin dotted line at a value, its name at the share `end` of its length."""
    (ax.axvline if vertical else ax.axhline)(value, color=FAINT, linewidth=1, linestyle=":", zorder=0)
    xy, across = ((value, end), ("data", "axes fraction")) if vertical else ((end, value), ("axes fraction", "data"))
    look = {"ha": "center" if vertical else "right", "va": "baseline", "color": "#666666"} | look
    note(ax, name, xy, offset, xycoords=across, **look)


def percent(axis) -> None:
    """Write an axis of shares in percent."""
    axis.set_major_formatter(lambda value, _: f"{100 * value + 0:.3g}%")  # + 0: of minus zero
