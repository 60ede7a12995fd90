"""The settings of a walk that give the hardest batches within limits."""

from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise, product
from operator import attrgetter

from toolkit.samplers.budget import Choice

RESTARTS = (0.1, 0.5, 0.9)
_PARTS, _FEWEST = (1, 2, 4, 8, 20), 5
_CROSSINGS, _HALVINGS = 3, 3
_STEPS = 4  # maximum number of steps from the last choice to the next one
_CLOSE = 0.1  # settings are kept if they leave less than this share of a limit

Measure = Callable[[int, float], Choice]


def choose(limits: tuple[float, float], measure: Measure, last: Choice | None, *, n_neighbors: int) -> Choice:
    """Return the settings of the hardest batches within the limits, of at most `n_neighbors` neighbours.

    The last choice stays while it is near its limit; else the search goes from it to settings next to it, step by step.
    """
    if last is None:
        return search(limits, measure, grid(n_neighbors))[0]
    measure = cache(measure)
    chosen = measure(last.n_neighbors, last.restart)
    for _ in range(_STEPS):
        if _near(limits, chosen):
            break
        best = search(limits, measure, _beside(chosen, n_neighbors))[0]
        if best == chosen:
            break
        chosen = best
    return chosen


def _near(limits: tuple[float, float], choice: Choice) -> bool:
    """Return whether a choice is within the limits, and close to one of them."""
    found = choice.false_negative_rate, choice.hardness
    # Differences rather than ratios, since a limit of hardness may be 0 or negative.
    left = [limit - value for limit, value in zip(limits, found, strict=True)]
    return min(left) >= 0 and any(room < _CLOSE * abs(limit) for room, limit in zip(left, limits, strict=True))


def _beside(choice: Choice, n_neighbors: int) -> list[tuple[int, float]]:
    """Return the settings next to a choice: half to twice the neighbours, any restart probability."""
    sizes = {min(max(round(choice.n_neighbors * factor), 1), n_neighbors) for factor in (0.5, 1, 2)}
    return list(product(sorted(sizes), sorted({*RESTARTS, choice.restart})))


def grid(n_neighbors: int) -> list[tuple[int, float]]:
    """Return the settings to try: from `n_neighbors` neighbours to a twentieth of them, with restart probabilities."""
    sizes = sorted({max(n_neighbors // part, min(n_neighbors, _FEWEST)) for part in _PARTS}, reverse=True)
    return list(product(sizes, RESTARTS))


def search(
    limits: tuple[float, float], measure: Measure, settings: Sequence[tuple[int, float]]
) -> tuple[Choice, list[Choice]]:
    """Return the settings of the hardest batches within the limits, and all that were tried.

    If no settings are within the limits, those with the fewest false negatives are returned. First, all of `settings`
    (numbers of neighbours and restart probabilities) are tried. Then the search bisects between two adjacent settings,
    one of them within the limits and one not, starting with the pairs that promise the hardest batches.
    """

    def fits(choice: Choice) -> bool:
        return choice.false_negative_rate <= limits[0] and choice.hardness <= limits[1]

    tried = {setting: measure(*setting) for setting in settings}
    crossings = [(a, b) if fits(a) else (b, a) for a, b in _neighboring(list(tried.values())) if fits(a) != fits(b)]
    for inside, outside in sorted(crossings, key=lambda pair: -_hardness_at(limits, *pair))[:_CROSSINGS]:
        for _ in range(_HALVINGS):
            middle = _between(inside, outside)
            tried[middle] = found = tried.get(middle) or measure(*middle)
            inside, outside = (found, outside) if fits(found) else (inside, found)
    fitting = [choice for choice in tried.values() if fits(choice)]
    if not fitting:
        best = min(tried.values(), key=lambda choice: (choice.false_negative_rate, choice.hardness))
    else:
        best = max(fitting, key=lambda choice: choice.hardness)
    return best, list(tried.values())


def _neighboring(choices: list[Choice]) -> list[tuple[Choice, Choice]]:
    """Return pairs of adjacent settings, which share the number of neighbours or the restart probability."""
    pairs = []
    for same, other in (("n_neighbors", "restart"), ("restart", "n_neighbors")):
        ordered = sorted(choices, key=attrgetter(same, other))
        pairs += [(a, b) for a, b in pairwise(ordered) if getattr(a, same) == getattr(b, same)]
    return pairs


def _between(a: Choice, b: Choice) -> tuple[int, float]:
    """Return the settings half-way between two."""
    return round((a.n_neighbors * b.n_neighbors) ** 0.5), (a.restart + b.restart) / 2


def _hardness_at(limits: tuple[float, float], inside: Choice, outside: Choice) -> float:
    """Return the expected hardness, by linear interpolation, where a limit is reached between `inside` and `outside`.

    It is the hardness of `inside` if the rate of `outside` is unknown (NaN), because none of its pairs has labels.
    """
    ends = [(each.false_negative_rate, each.hardness) for each in (inside, outside)]
    shares = [
        (limit - low) / (high - low) for limit, low, high in zip(limits, *ends, strict=True) if low <= limit < high
    ]
    return inside.hardness + min(shares, default=0) * (outside.hardness - inside.hardness)
