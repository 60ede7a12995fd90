"""Contrastive losses over the views of one batch."""

import torch
from torch import Tensor
from torch.nn import functional as F


def nt_xent(view1: Tensor, view2: Tensor, temperature: float = 0.5) -> Tensor:
    """Normalised temperature-scaled cross-entropy of SimCLR (Chen et al. 2020, equation 1).

    Each of the 2B embeddings is an anchor; the other view of its instance is the positive, the remaining 2B - 2
    embeddings are the negatives:
    ``-mean(log(exp(cos(a, p) / t) / (exp(cos(a, p) / t) + sum over negatives of exp(cos(a, n) / t))))``.

    Parameters
    ----------
    view1, view2 : float tensors, shape (B, d)
        Embeddings of the two views, B >= 2; they are normalised here.
    temperature : float
        Positive.

    Returns
    -------
    Tensor
        Scalar.

    Raises
    ------
    ValueError
        If the shapes differ, B < 2 or the temperature is not positive.

    Examples
    --------
    All embeddings alike, the loss is that of guessing among 2B - 1:

    >>> import math, torch
    >>> same = torch.ones(4, 3)
    >>> math.isclose(nt_xent(same, same).item(), math.log(7), rel_tol=1e-6)
    True
    """
    if view1.shape != view2.shape or view1.ndim != 2 or len(view1) < 2:
        raise ValueError(
            "view1 and view2 must have the same shape (B, d) with B >= 2, "
            f"got {tuple(view1.shape)} and {tuple(view2.shape)}"
        )
    if not temperature > 0:
        raise ValueError(f"temperature must be positive, got {temperature}")
    z = F.normalize(torch.cat([view1, view2]), dim=1)
    logits = (z @ z.T / temperature).fill_diagonal_(-torch.inf)
    positives = torch.arange(len(z), device=z.device).roll(len(view1))
    return F.cross_entropy(logits, positives)
