"""What the tests of figures share."""

import numpy as np
from matplotlib.colors import to_hex

from toolkit.training.history import History

ACCURACIES = {"Uniform": [0.60, 0.62, 0.64], "Random walk": [0.63, 0.65, 0.67], "kNN": [0.5, 0.5, 0.53]}


def texts(ax):
    """Return what is written on the axes."""
    return [text.get_text() for text in ax.texts]


def colors(artists, get):
    """Return the colours of some artists, as samplers have them."""
    return [to_hex(get(artist)).upper() for artist in artists]


def make_history(n=30, seed=0, **parts):
    """Return a history of random values."""
    rng = np.random.default_rng(seed)
    return History({name: rng.random(n).tolist() for name in History().columns}, parts)
