"""Random numbers of the numba loops: one explicit ``uint64`` of SplitMix64 state (Steele, Lea & Flood 2014) each."""

import numpy as np

from toolkit.engine.jit import kernel

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_U27, _U30, _U31, U32 = (np.uint64(bits) for bits in (27, 30, 31, 32))
_LOW = np.uint64(0xFFFFFFFF)


@kernel
def next_bits(state):
    """Advance SplitMix64: the new state and 64 random bits."""
    state = state + _GAMMA
    z = (state ^ (state >> _U30)) * _MIX_1
    z = (z ^ (z >> _U27)) * _MIX_2
    return state, z ^ (z >> _U31)


@kernel
def below(bits, n):
    """Turn the low half of 64 random bits into an integer in [0, n)."""
    return np.int64(((bits & _LOW) * np.uint64(n)) >> U32)


@kernel
def restart_threshold(restart):
    """Restart when the high half of the random bits lies below this."""
    return np.uint64(restart * 4294967296.0)
