"""Similarities in full precision, wherever they are computed."""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager

import torch

_DEVICES = "cpu", "cuda"


@contextmanager
def full_precision() -> Generator[None]:
    """Turn off `torch.autocast`, in which a training loop may draw batches; also a decorator of functions.

    It would compute some similarities in 16 bits, of a dtype that NumPy does not have, and so change batches.
    """
    with ExitStack() as stack:
        for device in _DEVICES:
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        yield
