"""Contrastive losses over the views of one batch.

All return a scalar, `dcl` and `hcl` in float32 or more. Models call these two or `nt_xent` with the projections of two
views, the temperature and ``within``; a partial sets the others: ``SimCLR(loss=partial(dcl, tau_plus=0.05))``.
Views of different shapes or of fewer than two instances, and settings out of range, raise a ValueError.
"""

import math
from functools import partial

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn import functional as F

from toolkit import _checks
from toolkit._processes import world_size


def nt_xent(view1: Tensor, view2: Tensor, temperature: float = 0.5, within: bool = True) -> Tensor:
    """Normalised temperature-scaled cross-entropy of SimCLR (Chen et al. 2020, equation 1), or InfoNCE.

    Each of the 2B embeddings is an anchor; the other view of its instance is the positive, the remaining 2B - 2
    embeddings are the negatives:
    ``-mean(log(exp(cos(a, p) / t) / (exp(cos(a, p) / t) + sum over negatives of exp(cos(a, n) / t))))``.
    With ``within=False`` the anchors are those of `view1` only, and their negatives the other B - 1 of `view2`
    (InfoNCE as in MoCo v3).

    Parameters
    ----------
    view1, view2 : float tensors, shape (B, d)
        Embeddings of the two views, B >= 2; they are normalised here.
    temperature : float
        Loss temperature, positive.
    within : bool
        Whether embeddings of the same view are anchors and negatives too.

    Examples
    --------
    All embeddings alike, the loss is that of guessing among 2B - 1:

    >>> import math, torch
    >>> same = torch.ones(4, 3)
    >>> math.isclose(nt_xent(same, same).item(), math.log(7), rel_tol=1e-6)
    True
    """
    temperature, within = _check_views(view1, view2, temperature, within)
    return F.cross_entropy(*_similarities(view1, view2, temperature, within))


def dcl(
    view1: Tensor, view2: Tensor, temperature: float = 0.5, within: bool = True, *, tau_plus: float = 0.1
) -> Tensor:
    """Debiased contrastive loss (Chuang et al. 2020, arXiv 2007.00224): NT-Xent minus the expected false negatives.

    With ``s = exp(cos / t)`` and n negatives, an anchor's loss is ``-log(s_pos / (s_pos + g))``, where
    ``g = max((sum(s_neg) - tau_plus n s_pos) / (1 - tau_plus), n exp(-1 / t))``.

    Parameters
    ----------
    view1, view2, temperature, within
        Arguments of `nt_xent`.
    tau_plus : float
        Share of negatives thought to be false, the class prior, in [0, 1). With 0 this is `nt_xent`.

    Examples
    --------
    >>> import torch
    >>> view1, view2 = torch.randn(2, 8, 4, generator=torch.Generator().manual_seed(0))
    >>> bool(dcl(view1, view2, tau_plus=0) == nt_xent(view1, view2))
    True
    """
    return hcl(view1, view2, temperature, within, tau_plus=tau_plus, beta=0)


def hcl(
    view1: Tensor,
    view2: Tensor,
    temperature: float = 0.5,
    within: bool = True,
    *,
    tau_plus: float = 0.1,
    beta: float = 1.0,
) -> Tensor:
    """Contrastive loss with hard negatives (Robinson et al. 2021, arXiv 2010.04592): `dcl` with weighted negatives.

    Each negative's ``s = exp(cos / t)`` counts with the weight ``s ** beta / mean(s ** beta)``, the mean over the
    anchor's negatives, so that the more similar ones count more.

    Parameters
    ----------
    view1, view2, temperature, within, tau_plus
        Arguments of `dcl`.
    beta : float
        Preference for hard negatives, at least 0. With 0 this is `dcl`.

    Examples
    --------
    >>> import torch
    >>> view1, view2 = torch.randn(2, 8, 4, generator=torch.Generator().manual_seed(0))
    >>> bool(hcl(view1, view2, tau_plus=0, beta=1) > nt_xent(view1, view2))
    True
    """
    temperature, within = _check_views(view1, view2, temperature, within)
    tau_plus = _checks.number("tau_plus", tau_plus, "[0, 1)", "it is a share of the negatives")
    beta = _checks.number("beta", beta, "[0, inf)")
    if tau_plus == beta == 0:
        return nt_xent(view1, view2, temperature, within)
    logits, positives = _similarities(view1, view2, temperature, within)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    n = len(logits) - (2 if within else 1)
    positive = logits.gather(1, positives[:, None])[:, 0]
    negatives = logits.scatter(1, positives[:, None], -torch.inf)
    total = negatives.logsumexp(1)
    if beta > 0:
        total = ((1 + beta) * negatives).logsumexp(1) - (beta * negatives).logsumexp(1) + math.log(n)
    # All exponentials relative to the largest, so that none overflows at a low temperature.
    top = torch.maximum(total, positive).detach()
    debiased = ((total - top).exp() - tau_plus * n * (positive - top).exp()) / (1 - tau_plus)
    debiased = debiased.clamp_min(torch.finfo(debiased.dtype).tiny).log() + top
    floor = math.log(n) - 1 / temperature
    return F.softplus(debiased.clamp_min(floor) - positive, threshold=50).mean()


def gathered(loss):
    """Return a loss over the embeddings of all training processes, with gradient; with one process, the loss itself.

    In every process it is the loss of the whole batch, the first process's rows first. The gradient of the gathering
    sums over the processes and `DistributedDataParallel` takes their mean, so a step equals that of a single process
    with the whole batch. All processes give the same number of rows. Batches must be shared, too
    (`toolkit.samplers.DistributedBatches`).

    Parameters
    ----------
    loss : callable
        One of `nt_xent`, `dcl` and `hcl`, a partial of one, or any function whose first two arguments have one row per
        instance: losses of lightly, and those of pytorch-metric-learning with two views (``SelfSupervisedLoss``) or
        with embeddings and their instances' indices as labels.

    Raises
    ------
    TypeError
        For anything that can't be called.

    Examples
    --------
    >>> import torch
    >>> from toolkit.models import SimCLR
    >>> model = SimCLR("small", loss=gathered(nt_xent))
    """
    if not callable(loss):
        raise TypeError(f"loss must be a function of two views, got {loss!r}")
    return loss if _is_gathered(loss) else partial(_over_all, loss)


def ungathered(loss):
    """Return the loss that `gathered` was called with, or the loss itself if it is of one process."""
    return loss.args[0] if _is_gathered(loss) else loss


def _is_gathered(loss) -> bool:
    return isinstance(loss, partial) and loss.func is _over_all


def _over_all(loss, view1: Tensor, view2: Tensor, *arguments, **settings) -> Tensor:
    return loss(_of_all(view1), _of_all(view2), *arguments, **settings)


def _of_all(rows: Tensor) -> Tensor:
    """Return the rows of all processes, with gradient."""
    return rows if world_size() == 1 else _AllRows.apply(rows)


class _AllRows(torch.autograd.Function):
    """The rows of all processes; each row's gradient is the sum of what they found."""

    @staticmethod
    def forward(ctx, rows: Tensor) -> Tensor:
        parts = [torch.empty_like(rows, memory_format=torch.contiguous_format) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)
        return total.chunk(dist.get_world_size())[dist.get_rank()]


def jsd(nodes: Tensor, graphs: Tensor, batch: Tensor) -> Tensor:
    """Jensen-Shannon bound on the information between nodes and graphs, negated: the loss of MVGRL (arXiv 2006.05582).

    The score of a node and a graph is their inner product s. The loss is the mean of ``softplus(s)`` over pairs of a
    node and another graph of the batch, plus the mean of ``softplus(-s)`` over nodes with their own graph, minus
    ``2 log 2``, as in the authors' code. There, graphs are padded to one size and the padding is masked; here nothing
    is padded, so no mask can go wrong, and every node counts the same.

    Parameters
    ----------
    nodes : float tensor, shape (n, d)
        Representations of the nodes of all graphs of the batch.
    graphs : float tensor, shape (B, d)
        Representations of the graphs, B >= 2.
    batch : int64 tensor, shape (n,)
        The graph that each node belongs to.

    Examples
    --------
    Where the scores say nothing, the loss is 0:

    >>> import torch
    >>> jsd(torch.zeros(5, 3), torch.ones(2, 3), torch.tensor([0, 0, 1, 1, 1]))
    tensor(0.)
    """
    _checks.float_tensor("nodes", nodes)
    _checks.float_tensor("graphs", graphs)
    if nodes.ndim != 2 or graphs.ndim != 2 or nodes.shape[1] != graphs.shape[1] or len(graphs) < 2:
        raise ValueError(
            "nodes and graphs must have shapes (n, d) and (B, d) with B >= 2, "
            f"got {tuple(nodes.shape)} and {tuple(graphs.shape)}"
        )
    if not isinstance(batch, Tensor):
        raise TypeError(f"batch must be an int64 tensor, got {type(batch).__name__}")
    if _checks.dense("batch", batch).dtype != torch.int64:
        raise TypeError(f"batch must be an int64 tensor, got dtype {batch.dtype}")
    if batch.shape != nodes.shape[:1]:
        raise ValueError(f"batch must have shape ({len(nodes)},), one graph per node, got {tuple(batch.shape)}")
    scores = nodes @ graphs.T
    own = batch[:, None] == torch.arange(len(graphs), device=batch.device)
    return F.softplus(scores[~own]).mean() + F.softplus(-scores[own]).mean() - 2 * math.log(2)


def _similarities(view1: Tensor, view2: Tensor, temperature: float, within: bool) -> tuple[Tensor, Tensor]:
    """Return the cosines over the temperature, a row for each anchor, and the column of each one's positive."""
    if not within:
        logits = F.normalize(view1, dim=1) @ F.normalize(view2, dim=1).T / temperature
        return logits, torch.arange(len(view1), device=view1.device)
    z = F.normalize(torch.cat([view1, view2]), dim=1)
    # An embedding is not a negative of itself.
    logits = (z @ z.T / temperature).fill_diagonal_(-torch.inf)
    return logits, torch.arange(len(z), device=z.device).roll(len(view1))


def _check_views(view1: Tensor, view2: Tensor, temperature: float, within: bool) -> tuple[float, bool]:
    """Return the temperature and `within`, or raise if an argument is wrong."""
    _checks.float_tensor("view1", view1)
    _checks.float_tensor("view2", view2)
    if view1.shape != view2.shape or view1.ndim != 2 or len(view1) < 2:
        raise ValueError(
            "view1 and view2 must have the same shape (B, d) with B >= 2, "
            f"got {tuple(view1.shape)} and {tuple(view2.shape)}"
        )
    return _checks.number("temperature", temperature, "(0, inf)"), _checks.flag("within", within)
