"""What contrastive models are optimised with beside torch's own: LARS, and warm-up with a cosine."""

import math

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from toolkit import _checks


class LARS(Optimizer):
    """SGD whose steps are scaled by layer (You, Gitman & Ginsburg 2017, arXiv 1708.03888), for large batches.

    The gradient of a matrix or filter, weight decay included, is scaled to `trust` times the norm of the weights.
    Biases and normalisation (parameters of one dimension) are neither scaled nor decayed, as SimCLR and MoCo v3 do.

    Parameters
    ----------
    params : iterable
        Parameters or groups of them.
    lr : float
        Learning rate. Usually grows with the batch size: 0.3 B / 256 in SimCLR.
    momentum, weight_decay : float
    trust : float
        Norm of a scaled gradient over the norm of the weights.

    Raises
    ------
    ValueError
        For a number that is negative or not finite.

    Examples
    --------
    >>> import torch
    >>> weight = torch.nn.Parameter(torch.full((2, 2), 3.0))
    >>> optimizer = LARS([weight], lr=1.0, weight_decay=0, trust=0.1)
    >>> (5 * weight.sum()).backward()
    >>> optimizer.step()
    >>> weight.data  # norm 6, so the step has norm 0.6
    tensor([[2.7000, 2.7000],
            [2.7000, 2.7000]])
    """

    def __init__(
        self, params, lr: float, momentum: float = 0.9, weight_decay: float = 1e-6, trust: float = 0.001
    ) -> None:
        settings = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "trust": trust}
        for name, value in settings.items():
            if not 0 <= value < math.inf:
                raise ValueError(f"{name} must be at least 0 and finite, got {value}")
        super().__init__(params, settings)

    @torch.no_grad()
    def step(self, closure=None):
        """Take one step; return the loss of `closure`, if given."""
        with torch.enable_grad():
            loss = None if closure is None else closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._step(parameter, group)
        return loss

    def _step(self, parameter, group: dict) -> None:
        change = parameter.grad
        if parameter.ndim > 1:
            change = change.add(parameter, alpha=group["weight_decay"])
            norms = torch.linalg.vector_norm(parameter), torch.linalg.vector_norm(change)
            scale = group["trust"] * norms[0] / norms[1]
            change = change * torch.where((norms[0] > 0) & (norms[1] > 0), scale, 1.0)
        state = self.state[parameter]
        if "velocity" not in state:
            state["velocity"] = torch.zeros_like(parameter)
        velocity = state["velocity"].mul_(group["momentum"]).add_(change)
        parameter.add_(velocity, alpha=-group["lr"])


def warmup_cosine(optimizer: Optimizer, steps: int, warmup: int = 0) -> LambdaLR:
    """Return a schedule: the learning rate rises linearly over `warmup` steps, then falls to 0 by half a cosine.

    Parameters
    ----------
    optimizer : Optimizer
        Its learning rates are the highest.
    steps : int
        Training steps in all.
    warmup : int
        Less than `steps`.

    Raises
    ------
    TypeError, ValueError
        For `steps` below 1 and `warmup` outside [0, steps).

    Examples
    --------
    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    >>> scheduler = warmup_cosine(optimizer, steps=6, warmup=2)
    >>> rates = []
    >>> for step in range(6):
    ...     rates.append(round(scheduler.get_last_lr()[0], 3))
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [0.5, 1.0, 1.0, 0.854, 0.5, 0.146]
    """
    _checks.integer("steps", steps, 1)
    _checks.integer("warmup", warmup, 0, steps - 1)

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return (1 + math.cos(math.pi * min((step - warmup) / (steps - warmup), 1))) / 2

    return LambdaLR(optimizer, factor)
