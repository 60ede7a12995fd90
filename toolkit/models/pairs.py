"""Models of pairs: queries and targets in one space, such as questions and passages, docstrings and code."""

from typing import Any

from torch import Tensor, nn

from toolkit import _checks
from toolkit.models.losses import nt_xent
from toolkit.models.views import Loss


class PairModel(nn.Module):
    """Two encoders, or one for both sides, trained to pick the target of a query among the others in its batch.

    The loss is symmetric InfoNCE: the mean of the cross-entropy of each query over the batch's targets and of each
    target over its queries.

    Parameters
    ----------
    query_encoder : nn.Module
        Any module that turns a batch of queries into embeddings (B, d): `toolkit.models.text_encoders.static`,
        `toolkit.models.text_encoders.sentence_encoder`, an image encoder, a layer on top of frozen embeddings.
    target_encoder : nn.Module, optional
        The same for targets, of the same width d. By default queries and targets share one encoder.
    temperature : float
        Loss temperature, positive.
    loss : callable
        One of `toolkit.models.losses`, or a partial of one, called with ``within=False``.

    Raises
    ------
    TypeError, ValueError
        For encoders that are not modules, and, on the first batch, if their outputs are not float tensors (B, d) of
        one shape.

    Examples
    --------
    Two bags of word pieces. They have sparse gradients, hence `SparseAdam`:

    >>> import torch
    >>> from toolkit.datasets.text import Sentences
    >>> from toolkit.datasets.tokenizers import train_tokenizer
    >>> from toolkit.models import PairModel
    >>> from toolkit.models.text_encoders import static
    >>> words, meanings = ["cat", "dog"], ["an animal that purrs", "an animal that barks"]
    >>> tokenizer = train_tokenizer(words + meanings, 300)
    >>> model = PairModel(static(tokenizer), static(tokenizer))
    >>> optimizer = torch.optim.SparseAdam(model.parameters(), lr=3e-3)
    >>> queries, targets = Sentences(meanings, tokenizer).batch([0, 1]), Sentences(words, tokenizer).batch([0, 1])
    >>> loss, q, t = model(queries, targets)
    >>> loss.shape, q.shape, t.shape
    (torch.Size([]), torch.Size([2, 128]), torch.Size([2, 128]))

    A head on frozen embeddings, which are the data then:

    >>> model = PairModel(torch.nn.Linear(384, 384))
    >>> loss, q, t = model(torch.randn(8, 384), torch.randn(8, 384))
    >>> q.shape
    torch.Size([8, 384])
    """

    def __init__(
        self,
        query_encoder: nn.Module,
        target_encoder: nn.Module | None = None,
        temperature: float = 0.05,
        loss: Loss = nt_xent,
    ) -> None:
        super().__init__()
        for name, encoder in (("query_encoder", query_encoder), ("target_encoder", target_encoder)):
            if not isinstance(encoder, nn.Module) and (encoder is not None or name == "query_encoder"):
                raise TypeError(
                    f"{name} must be an nn.Module, got {encoder!r}: for a model by name or folder use "
                    "toolkit.models.text_encoders.sentence_encoder"
                )
        self.query_encoder, self.target_encoder = query_encoder, target_encoder
        self.temperature, self.loss = _checks.number("temperature", temperature, "(0, inf)"), loss

    def forward(self, queries, targets) -> tuple[Tensor, Tensor, Tensor]:
        """Return the loss of a batch of pairs, and both sides' embeddings (B, d), without gradient, for the sampler."""
        q, t = self.encode_queries(queries), self.encode_targets(targets)
        if q.shape != t.shape:
            raise ValueError(
                f"queries and targets must have embeddings of one shape (B, d), got {tuple(q.shape)} and "
                f"{tuple(t.shape)}"
            )
        there = self.loss(q, t, self.temperature, within=False)
        back = self.loss(t, q, self.temperature, within=False)
        return (there + back) / 2, q.detach(), t.detach()

    def encode_queries(self, batch, /) -> Tensor:
        """Return the embeddings (B, d) of a batch of queries."""
        return _embeddings("query_encoder", self.query_encoder(batch))

    def encode_targets(self, batch, /) -> Tensor:
        """Return the embeddings (B, d) of a batch of targets."""
        if self.target_encoder is None:
            return self.encode_queries(batch)
        return _embeddings("target_encoder", self.target_encoder(batch))


def _embeddings(name: str, output: Any) -> Tensor:
    """Return the output of an encoder, or raise unless it is a float tensor (B, d)."""
    if isinstance(output, Tensor) and output.ndim == 2 and output.is_floating_point():
        return output
    found = f"{output.dtype} of shape {tuple(output.shape)}" if isinstance(output, Tensor) else type(output).__name__
    raise TypeError(
        f"{name} must return a float tensor (B, d), got {found}: toolkit.models.text_encoders.sentence_encoder adapts "
        "transformers and sentence-transformers models; wrap others in a module that returns the embeddings"
    )
