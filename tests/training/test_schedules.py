import math

import numpy as np
import pytest
import torch
from torch import nn

from toolkit.training.schedules import LARS, warmup_cosine


def lars_by_hand(weight, gradient, velocity, matrix, lr, momentum, weight_decay, trust):
    """One step in plain numpy, as published."""
    if matrix:
        gradient = gradient + weight_decay * weight
        norms = np.linalg.norm(weight), np.linalg.norm(gradient)
        if min(norms) > 0:
            gradient = gradient * trust * norms[0] / norms[1]
    velocity = momentum * velocity + gradient
    return weight - lr * velocity, velocity


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 3, 3), (5,)])
def test_lars_takes_the_published_steps(shape):
    settings = {"lr": 0.3, "momentum": 0.9, "weight_decay": 0.01, "trust": 0.02}
    rng = np.random.default_rng(0)
    parameter = nn.Parameter(torch.from_numpy(rng.normal(size=shape)))
    optimizer = LARS([parameter], **settings)
    weight, velocity = parameter.detach().numpy().copy(), np.zeros(shape)
    for _ in range(4):
        gradient = rng.normal(size=shape)
        parameter.grad = torch.from_numpy(gradient)
        optimizer.step()
        weight, velocity = lars_by_hand(weight, gradient, velocity, len(shape) > 1, **settings)
        np.testing.assert_allclose(parameter.detach().numpy(), weight, rtol=1e-12)


def test_lars_moves_zero_weights():
    parameter = nn.Parameter(torch.zeros(2, 2))
    parameter.grad = torch.ones(2, 2)
    LARS([parameter], lr=1.0).step()
    torch.testing.assert_close(parameter.detach(), -torch.ones(2, 2))


def test_lars_leaves_parameters_without_gradient_alone():
    parameter = nn.Parameter(torch.ones(2, 2))
    optimizer = LARS([parameter], lr=1.0)
    optimizer.step()
    assert torch.equal(parameter.detach(), torch.ones(2, 2))


@pytest.mark.parametrize("name", ["lr", "momentum", "weight_decay", "trust"])
@pytest.mark.parametrize("value", [-1, math.inf, math.nan])
def test_bad_settings_are_named(name, value):
    with pytest.raises(ValueError, match=f"{name} must be at least 0 and finite, got {value}"):
        LARS([nn.Parameter(torch.ones(1))], **{"lr": 1.0, name: value})


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
