"""Schedules of learning rates."""

import numpy as np
import pytest
import torch
from torch import nn

from toolkit.training import warmup_cosine


def rates(steps, warmup):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=2.0)
    scheduler = warmup_cosine(optimizer, steps, warmup)
    found = []
    for _ in range(steps + 1):
        found.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return np.array(found)


def test_warmup_is_linear_then_half_a_cosine_falls_to_zero():
    found = rates(50, 10)
    np.testing.assert_allclose(found[:10], np.arange(1, 11) / 10 * 2)
    np.testing.assert_allclose(found[10:], 1 + np.cos(np.linspace(0, np.pi, 41)), atol=1e-12)


def test_without_warmup_the_first_rate_is_the_highest():
    found = rates(20, 0)
    assert found[0] == 2
    assert (np.diff(found) < 0).all()


@pytest.mark.parametrize(("steps", "warmup"), [(0, 0), (5, 5), (5, -1), (2.5, 1)])
def test_bad_schedules(steps, warmup):
    with pytest.raises((ValueError, TypeError), match=r"steps|warmup"):
        warmup_cosine(torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1), steps, warmup)
