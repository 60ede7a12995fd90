"""Compilation of the numba loops, kept for later processes where that can be."""

import warnings
from contextlib import contextmanager, suppress
from functools import partial

from numba import njit
from numba.core.caching import FunctionCache


class Cache(FunctionCache):
    """Numba's cache of compiled code, without which all works as well: its errors are warned about, once."""

    warned = False

    def load_overload(self, sig, target_context):
        """Return compiled code that was kept, or None."""
        with self._surviving():
            return super().load_overload(sig, target_context)
        with suppress(Exception):
            self.flush()  # what can't be read would be in the way of what is to be kept
        return None

    def save_overload(self, sig, data):
        """Keep compiled code."""
        with self._surviving():
            super().save_overload(sig, data)

    @contextmanager
    def _surviving(self):
        try:
            yield
        except Exception as error:  # a full disk; damaged bytes raise all kinds of errors
            if not Cache.warned:
                Cache.warned = True
                warnings.warn(
                    f"compiled code can't be stored in or read from {self.cache_path!r}, so each process compiles "
                    f"for some seconds ({type(error).__name__}: {error}): free some space, delete the folder, or "
                    "set NUMBA_CACHE_DIR to another one",
                    RuntimeWarning,
                    stacklevel=2,
                )


def kernel(function=None, **options):
    """Compile a loop on its first call; it releases the GIL, and is kept for later processes where that can be."""
    if function is None:
        return partial(kernel, **options)
    compiled = njit(function, nogil=True, **options)
    with suppress(RuntimeError):  # neither the installation nor the user's cache folder can be written to
        compiled._cache = Cache(function)
    return compiled
