"""Exchange of data between the processes of one training run (torch.distributed), in a separate process group."""

import os
from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor


def world_size() -> int:
    """Return the number of processes of torch.distributed; 1 where it is not set up."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


class Peers:
    """The processes of a training run; only this one if torch.distributed is not set up.

    All of them make it, and call its methods in the same order. The group is of gloo, whatever the training uses, since
    batches and their indices lie in memory.

    Parameters
    ----------
    required : bool
        Whether the processes that a launcher has started must be connected by now.

    Attributes
    ----------
    rank, size : int
        This process's number, and how many there are.

    Raises
    ------
    RuntimeError
        If a launcher has started several processes, and torch.distributed is not set up.
    """

    def __init__(self, required: bool = True) -> None:
        several = world_size() > 1
        started = int(os.environ.get("WORLD_SIZE", "1"))
        if required and started > 1 and not several:
            raise RuntimeError(
                f"the launcher has started {started} processes (WORLD_SIZE), but torch.distributed is not set up, so "
                "each would train alone: call torch.distributed.init_process_group() first"
            )
        group = dist.new_group(backend="gloo") if several else None
        self._group = group if isinstance(group, dist.ProcessGroup) else None
        self.rank, self.size = (dist.get_rank(), dist.get_world_size()) if several else (0, 1)

    def sent(self, tensor: Tensor) -> Tensor:
        """Return what the first process holds in `tensor`, which has the same shape and dtype everywhere."""
        if self.size > 1:
            dist.broadcast(tensor, 0, group=self._group)
        return tensor

    def any(self, flag: bool) -> bool:
        """Return whether the flag is set in any process."""
        flags = torch.tensor([flag], dtype=torch.uint8, device="cpu")
        return bool(self.joined(flags).any())

    def joined(self, rows: Tensor) -> Tensor:
        """Return the rows of all processes, the first one's first; there are as many of one shape everywhere."""
        if self.size == 1:
            return rows
        parts = [torch.empty_like(rows) for _ in range(self.size)]
        dist.all_gather(parts, rows, group=self._group)
        return torch.cat(parts)

    def dealt(self, rows: Tensor, sent: Sequence[int], received: Sequence[int]) -> Tensor:
        """Return the rows that the processes have for this one, the first one's first.

        The first `sent[0]` of `rows` go to the first process, the next `sent[1]` to the second, and so on;
        `received[r]` come from process r.
        """
        came = rows.new_empty(sum(received), *rows.shape[1:])
        dist.all_to_all_single(came, rows.contiguous(), [*received], [*sent], group=self._group)
        return came

    def joined_at_first(self, rows: Tensor) -> Tensor | None:
        """Return the rows of all processes in the first one, None in the others."""
        if self.size == 1:
            return rows
        parts = [torch.empty_like(rows) for _ in range(self.size)] if self.rank == 0 else None
        dist.gather(rows, parts, 0, group=self._group)
        return None if parts is None else torch.cat(parts)
