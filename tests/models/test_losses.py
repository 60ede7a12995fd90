"""Losses against oracles that go over pairs one by one."""

import math
from functools import partial

import numpy as np
import pytest
import torch

from toolkit.models.losses import dcl, hcl, jsd, nt_xent


def reference_loss(view1, view2, temperature):
    """Equation 1 of SimCLR as it stands: one anchor, one pair at a time."""
    rows = [row / np.linalg.norm(row) for row in np.concatenate([view1, view2])]
    n = len(rows)
    losses = []
    for i in range(n):
        weights = {k: math.exp(rows[i] @ rows[k] / temperature) for k in range(n) if k != i}
        losses.append(-math.log(weights[(i + n // 2) % n] / sum(weights.values())))
    return sum(losses) / n


def random_views(batch=5, dim=7, seed=0):
    return tuple(torch.from_numpy(np.random.default_rng(seed).normal(size=(2, batch, dim))))


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5), (torch.bfloat16, 3e-2)]
)
@pytest.mark.parametrize(("batch", "temperature"), [(2, 0.5), (5, 2.0), (16, 0.1)])
def test_equals_the_double_loop(batch, temperature, dtype, tolerance):
    view1, view2 = random_views(batch)
    loss = nt_xent(view1.to(dtype), view2.to(dtype), temperature)
    assert loss.shape == ()
    assert loss.dtype == dtype
    assert loss.item() == pytest.approx(reference_loss(view1.numpy(), view2.numpy(), temperature), rel=tolerance)


@pytest.mark.parametrize(("batch", "temperature"), [(2, 1.0), (32, 0.05)])
def test_equal_embeddings_give_log_2b_minus_1(batch, temperature):
    same = torch.ones(batch, 3)
    assert nt_xent(same, same, temperature).item() == pytest.approx(math.log(2 * batch - 1), rel=1e-6)


def test_opposite_pairs_have_their_closed_form():
    # Two instances, each with equal views, opposite to the other: per anchor one positive and two negatives.
    views = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    expected = math.log(1 + 2 * math.exp(-2 / 0.5))
    assert nt_xent(views, views, 0.5).item() == pytest.approx(expected, rel=1e-5)


def test_views_may_change_places_and_instances_their_order():
    view1, view2 = random_views()
    loss = nt_xent(view1, view2).item()
    assert nt_xent(view2, view1).item() == pytest.approx(loss, rel=1e-12)
    order = torch.tensor([3, 0, 4, 1, 2])
    assert nt_xent(view1[order], view2[order]).item() == pytest.approx(loss, rel=1e-12)
    assert nt_xent(view1[order], view2).item() != pytest.approx(loss, rel=1e-3), "pairs matter"


def test_lengths_of_rows_do_not_matter():
    view1, view2 = random_views()
    scales = torch.tensor([1e-3, 0.5, 1.0, 7.0, 1e4], dtype=torch.float64)[:, None]
    assert nt_xent(view1 * scales, view2 / scales).item() == pytest.approx(nt_xent(view1, view2).item(), rel=1e-9)


def test_gradient_is_right():
    view1, view2 = (view.requires_grad_() for view in random_views(batch=3, dim=4))
    assert torch.autograd.gradcheck(nt_xent, (view1, view2, 0.3))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("temperature", [0.01, 0.5])
def test_gradient_is_finite(dtype, temperature):
    view1, view2 = (view.to(dtype).requires_grad_() for view in random_views())
    nt_xent(view1, view2, temperature).backward()
    for gradient in (view1.grad, view2.grad):
        assert torch.isfinite(gradient).all()
        assert gradient.abs().max() > 0


@pytest.mark.parametrize(
    ("shape1", "shape2"), [((4, 3), (5, 3)), ((4, 3), (4, 2)), ((4,), (4,)), ((1, 3), (1, 3)), ((2, 4, 3), (2, 4, 3))]
)
def test_wrong_shapes_are_named(shape1, shape2):
    with pytest.raises(ValueError, match=r"\(B, d\) with B >= 2") as error:
        nt_xent(torch.ones(shape1), torch.ones(shape2))
    assert str(shape1) in str(error.value)
    assert str(shape2) in str(error.value)


@pytest.mark.parametrize("temperature", [0, -0.5, float("nan")])
def test_temperature_must_be_positive(temperature):
    with pytest.raises(ValueError, match=rf"temperature must be a number in \(0, inf\), got {temperature}"):
        nt_xent(*random_views(), temperature)


def reference_hcl(view1, view2, temperature, tau_plus, beta, within=True):
    """The published formulas as they stand, in exponentials: one anchor at a time."""
    rows = [row / np.linalg.norm(row) for row in np.concatenate([view1, view2])]
    size, batch = len(rows), len(view1)
    losses = []
    for i in range(size if within else batch):
        partner = (i + batch) % size
        others = [k for k in range(0 if within else batch, size) if k not in (i, partner)]
        positive = math.exp(rows[i] @ rows[partner] / temperature)
        negatives = [math.exp(rows[i] @ rows[k] / temperature) for k in others]
        weights = [negative**beta for negative in negatives]
        n, mean = len(negatives), sum(weights) / len(weights)
        total = sum(weight * negative for weight, negative in zip(weights, negatives, strict=True)) / mean
        debiased = max((total - tau_plus * n * positive) / (1 - tau_plus), n * math.exp(-1 / temperature))
        losses.append(-math.log(positive / (positive + debiased)))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("within", [True, False])
@pytest.mark.parametrize(("batch", "temperature"), [(2, 0.5), (5, 2.0), (16, 0.1)])
@pytest.mark.parametrize(("tau_plus", "beta"), [(0.1, 0), (0, 1), (0.6, 2)])
def test_debiased_and_hard_equal_the_published_formulas(tau_plus, beta, batch, temperature, within):
    views = random_views(batch)
    expected = reference_hcl(*(view.numpy() for view in views), temperature, tau_plus, beta, within)
    settings = {"temperature": temperature, "within": within, "tau_plus": tau_plus}
    loss = hcl(*views, **settings, beta=beta)
    assert loss.item() == pytest.approx(expected, rel=1e-10)
    single = hcl(*(view.float() for view in views), **settings, beta=beta)
    assert single.dtype == torch.float32
    assert single.item() == pytest.approx(expected, rel=1e-5)
    if beta == 0:
        assert dcl(*views, **settings) == loss


@pytest.mark.parametrize("tau_plus", [0.0, 0.1])
def test_autocast_to_bfloat16(tau_plus):
    view1, view2 = (view.float() for view in random_views(16))
    with torch.autocast("cpu", torch.bfloat16):
        loss = hcl(view1, view2, tau_plus=tau_plus)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(hcl(view1, view2, tau_plus=tau_plus).item(), rel=1e-2)


@pytest.mark.parametrize("within", [True, False])
def test_without_their_settings_they_are_nt_xent(within):
    setting = (*random_views(8), 0.1, within)
    expected = nt_xent(*setting)
    assert dcl(*setting, tau_plus=0) == hcl(*setting, tau_plus=0, beta=0) == expected
    # And nearly so with nearly none, by the other way of computing it.
    assert hcl(*setting, tau_plus=1e-12, beta=0).item() == pytest.approx(expected.item(), rel=1e-9)


def test_debiased_closed_form_and_its_floor():
    # All alike: n negatives as similar as the positive; (n - tau_plus n) / (1 - tau_plus) = n.
    same = torch.ones(4, 3, dtype=torch.float64)
    assert dcl(same, same, 0.5, tau_plus=0.3).item() == pytest.approx(math.log(1 + 6), rel=1e-12)
    # Opposite pairs: the positives outweigh all negatives, which leaves the floor exp(-1 / t) each.
    views = torch.tensor([[1.0, 0.0], [-1.0, 0.0]], dtype=torch.float64)
    expected = math.log(1 + 2 * math.exp(-2 / 0.5))
    assert dcl(views, views, 0.5, tau_plus=0.9).item() == pytest.approx(expected, rel=1e-12)


def test_hard_negatives_count_more():
    views = random_views(16)
    losses = [hcl(*views, beta=beta).item() for beta in (0, 0.5, 1, 2)]
    assert losses == sorted(losses)
    assert losses[-1] > losses[0] + 0.1


@pytest.mark.parametrize("tau_plus", [0.0, 0.1])
def test_gradient_of_debiased_and_hard(tau_plus):
    view1, view2 = (view.requires_grad_() for view in random_views(batch=4, dim=4))
    assert torch.autograd.gradcheck(partial(hcl, tau_plus=tau_plus), (view1, view2))
    for temperature in (0.01, 0.5):
        views = [view.float().detach().requires_grad_() for view in (view1, view2)]
        hcl(*views, temperature, tau_plus=tau_plus).backward()
        assert all(torch.isfinite(view.grad).all() for view in views)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tau_plus": 1.0}, r"tau_plus must be a number in \[0, 1\), got 1.0"),
        ({"tau_plus": -0.1}, r"tau_plus must be a number in \[0, 1\), got -0.1"),
        ({"beta": -1}, r"beta must be a number in \[0, inf\), got -1"),
        ({"beta": float("nan")}, r"beta must be a number in \[0, inf\), got nan"),
        ({"temperature": 0}, r"temperature must be a number in \(0, inf\), got 0"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        hcl(*random_views(), **settings)


# Between nodes and graphs (MVGRL)


def reference_jsd(nodes, graphs, batch):
    """One pair of a node and a graph at a time; the two expectations as MVGRL's code states them."""
    own, others = [], []
    for node, mine in zip(nodes, batch, strict=True):
        for graph, vector in enumerate(graphs):
            score = float(node @ vector)
            negative_softplus = -math.log1p(math.exp(-score))
            if graph == mine:
                own.append(math.log(2) + negative_softplus)
            else:
                others.append(-negative_softplus + score - math.log(2))
    return np.mean(others) - np.mean(own)


@pytest.mark.parametrize("n_graphs", [2, 5])
def test_jsd_equals_the_double_loop(n_graphs):
    rng = np.random.default_rng(0)
    batch = np.sort(np.concatenate([np.arange(n_graphs), rng.integers(0, n_graphs, 12)]))
    nodes, graphs = rng.normal(size=(len(batch), 3)), rng.normal(size=(n_graphs, 3))
    loss = jsd(*map(torch.from_numpy, (nodes, graphs, batch)))
    assert loss.item() == pytest.approx(reference_jsd(nodes, graphs, batch), rel=1e-10)


def test_jsd_is_lowest_where_nodes_know_their_graphs():
    graphs = 9 * torch.eye(3)
    batch = torch.tensor([0, 0, 1, 2])
    # Own pairs score 81; others 0, which is a guess and costs nothing more.
    assert jsd(graphs[batch], graphs, batch).item() == pytest.approx(-math.log(2), rel=1e-5)
    signed = graphs - 3
    assert jsd(signed[batch], signed, batch).item() == pytest.approx(-2 * math.log(2), abs=1e-3)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((4, 3), (1, 3), 4), "B >= 2"),
        (((4, 3), (2, 2), 4), r"got \(4, 3\) and \(2, 2\)"),
        (((4, 3), (2, 3), 3), r"batch must have shape \(4,\)"),
    ],
)
def test_jsd_names_wrong_shapes(shapes, message):
    nodes, graphs, n = shapes
    with pytest.raises(ValueError, match=message):
        jsd(torch.zeros(nodes), torch.zeros(graphs), torch.zeros(n, dtype=torch.int64))
