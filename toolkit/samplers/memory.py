"""Messages for graph builds that run out of memory: how much they need, and how to reduce it."""

import torch

_WORDS = "out of memory", "allocate memory", "bad_alloc"


def is_shortage(error: BaseException) -> bool:
    """Return whether an error means that memory ran out, which torch reports in several ways."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _WORDS)


def shortage(sampler, error: BaseException) -> str:
    """Return a message that says how much memory building a sampler's graph takes, and how to reduce it."""
    entries = sampler.n * sampler.n_neighbors * (8 if sampler.budget else 4)
    copied = sampler.refresh == "background"
    copy = sampler.bank.vectors.numel() * sampler.bank.vectors.element_size() * copied
    remedies = [f"a lower n_neighbors than {sampler.n_neighbors} ({_gib(entries)} now)"]
    if copied:
        remedies.append(f'refresh="blocking" (no copy of the embeddings, {_gib(copy)})')
    if sampler.bank_dtype == "float32":
        remedies.append('bank_dtype="float16" (embeddings in half the memory)')
    if sampler.budget:
        remedies.append(f"a fixed restart probability (no similarities of neighbours, {_gib(entries / 2)})")
    return (
        f"{type(sampler).__name__} ran out of memory while building a graph, which takes about {_gib(entries + copy)} "
        f"on top of the embeddings and the current graph ({error}); to save memory, use {', or '.join(remedies)}"
    )


def _gib(n_bytes: int) -> str:
    return f"{n_bytes / 2**30:.1f} GiB"
