"""One step of an optimizer: precision, clipping, schedule."""

from contextlib import nullcontext

import torch
from torch import Tensor, nn

PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}


class Stepper:
    """Steps an optimizer along gradients of losses."""

    def __init__(self, optimizer, scheduler, precision: str, clip_norm: float | None) -> None:
        self.optimizer, self.scheduler, self.clip_norm = optimizer, scheduler, clip_norm
        self.dtype = PRECISIONS[precision]
        self.scaler = torch.amp.GradScaler(_device(optimizer).type) if precision == "float16" else None

    def autocast(self):
        """Return the context in which the model is called."""
        device = _device(self.optimizer).type
        return nullcontext() if self.dtype is None else torch.autocast(device, self.dtype)

    def step(self, loss: Tensor) -> None:
        """Descend along the gradient of `loss`."""
        self.optimizer.zero_grad(set_to_none=True)
        (loss if self.scaler is None else self.scaler.scale(loss)).backward()
        if self.clip_norm is not None:
            if self.scaler is not None:
                self.scaler.unscale_(self.optimizer)
            parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
            nn.utils.clip_grad_norm_(parameters, self.clip_norm)
        taken = self._take_step()
        if self.scheduler is not None and taken:
            self.scheduler.step()

    def _take_step(self) -> bool:
        """Step the optimizer; return whether it did: a scaler passes over gradients that overflowed."""
        if self.scaler is None:
            self.optimizer.step()
            return True
        scale = self.scaler.get_scale()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return self.scaler.get_scale() >= scale

    def state_dicts(self) -> dict:
        """Return the states by name, None for what is not there."""
        parts = {"optimizer": self.optimizer, "scheduler": self.scheduler, "scaler": self.scaler}
        return {name: part and part.state_dict() for name, part in parts.items()}

    def load(self, state: dict) -> None:
        """Take over the states of `state_dicts`."""
        for name in self.state_dicts():
            if state[name] is not None:
                getattr(self, name).load_state_dict(state[name])


def _device(optimizer: torch.optim.Optimizer) -> torch.device:
    return optimizer.param_groups[0]["params"][0].device
