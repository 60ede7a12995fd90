"""What the tests of figures share."""


def texts(ax):
    """Return what is written on the axes."""
    return [text.get_text() for text in ax.texts]
