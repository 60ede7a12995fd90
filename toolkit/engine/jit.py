"""Compilation of the numba loops."""

from functools import partial

from numba import njit


def kernel(function=None, **options):
    """Compile a loop on its first call; it releases the GIL, and is kept for later processes where that can be."""
    if function is None:
        return partial(kernel, **options)
    try:
        return njit(function, nogil=True, cache=True, **options)
    except RuntimeError:  # neither the installation nor the user's cache folder can be written to
        return njit(function, nogil=True, **options)
