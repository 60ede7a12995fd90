"""The search for settings, on made-up measurements whose best is known."""

import numpy as np
import pytest

from toolkit.samplers.budget import Choice
from toolkit.samplers.choosing import RESTARTS, choose, grid, search

LIMITS = 0.2, 1.0


def made_up(n_neighbors, restart):
    """Fewer neighbours and more restarts are harder, and false negatives grow with hardness."""
    hardness = restart * (1 - np.log(n_neighbors) / np.log(1000))
    settings = {"n_neighbors": n_neighbors, "restart": restart}
    return Choice(**settings, hardness=hardness, false_negative_rate=hardness**2)


def test_the_hardest_within_the_limit_is_found_between_the_points_of_the_grid():
    best, tried = search(LIMITS, made_up, grid(100))
    assert 0.9 * 0.2**0.5 < best.hardness <= 0.2**0.5
    assert best.hardness >= max(one.hardness for one in tried if one.false_negative_rate <= 0.2)
    assert best.restart not in RESTARTS or best.n_neighbors not in {k for k, _ in grid(100)}


def test_a_limit_of_hardness_works_alike():
    best, _ = search((1.0, 0.3), made_up, grid(100))
    assert 0.27 < best.hardness <= 0.3


def test_without_any_that_fit_the_fewest_false_negatives_are_left():
    best, tried = search((1e-6, 1.0), made_up, grid(100))
    assert best.false_negative_rate == min(one.false_negative_rate for one in tried)


def test_a_rate_that_is_not_known_is_not_within_the_limits():
    def measure(n_neighbors, restart):
        found = made_up(n_neighbors, restart)
        rate = float("nan") if restart > 0.5 else found.false_negative_rate
        return Choice(**vars(found) | {"false_negative_rate": rate})

    best, _ = search(LIMITS, measure, grid(100))
    assert best.restart <= 0.5
    assert best.false_negative_rate <= 0.2


def test_no_setting_is_measured_twice():
    seen = []

    def measure(*setting):
        seen.append(setting)
        return made_up(*setting)

    search(LIMITS, measure, grid(100))
    assert len(seen) == len(set(seen))


def test_the_last_choice_stays_while_it_is_near_the_limit():
    calls = []

    def measure(*setting):
        calls.append(setting)
        return made_up(*setting)

    near = made_up(20, 0.19**0.5 / made_up(20, 1).hardness)
    assert choose(LIMITS, measure, near, n_neighbors=100) == near
    assert len(calls) == 1
    far = made_up(20, 0.1)
    moved = choose(LIMITS, measure, far, n_neighbors=100)
    assert far.hardness < moved.hardness <= 0.2**0.5


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("limit", [-0.5, -0.1, 0.0])
def test_a_limit_of_hardness_at_or_below_zero_works_alike(limit):
    def measure(*setting):
        found = made_up(*setting)
        return Choice(**vars(found) | {"hardness": found.hardness + limit - 0.3})

    def harder_by(amount):
        return measure(20, (0.3 + amount) / made_up(20, 1).hardness)

    limits = 1.0, limit
    for far in (harder_by(0.1), harder_by(-0.2)):
        moved = choose(limits, measure, far, n_neighbors=100)
        assert limit - 0.05 < moved.hardness <= limit
    if limit < 0:
        near = harder_by(0.05 * limit)
        assert choose(limits, measure, near, n_neighbors=100) == near


@pytest.mark.parametrize("n_neighbors", [1, 3, 7, 100, 1000])
def test_the_grid_has_no_more_neighbours_than_there_are(n_neighbors):
    sizes = {k for k, _ in grid(n_neighbors)}
    assert max(sizes) == n_neighbors
    assert min(sizes) >= min(n_neighbors, 5)
