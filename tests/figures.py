"""What the tests of figures share."""

import pytest
from matplotlib import pyplot as plt


@pytest.fixture(autouse=True)
def no_figures_left():
    """Close the figures of each test of a module that imports this."""
    yield
    plt.close("all")


def texts(ax):
    """Return what is written on the axes."""
    return [text.get_text() for text in ax.texts]
