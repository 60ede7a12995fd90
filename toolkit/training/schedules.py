"""Learning-rate schedules that torch lacks."""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from toolkit import _checks


def warmup_cosine(optimizer: Optimizer, steps: int, warmup: int = 0) -> LambdaLR:
    """Return a schedule: the learning rate rises linearly over `warmup` steps, then falls to 0 by half a cosine.

    Parameters
    ----------
    optimizer : Optimizer
        Optimizer whose learning rates are the highest of the schedule.
    steps : int
        Number of training steps in all.
    warmup : int
        Number of steps until the highest rate, less than `steps`.

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
    steps = _checks.integer("steps", steps, 1)
    warmup = _checks.integer("warmup", warmup, 0, steps - 1)

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return (1 + math.cos(math.pi * min((step - warmup) / (steps - warmup), 1))) / 2

    return LambdaLR(optimizer, factor)
