"""Unsupervised SimCSE (Gao, Yao & Chen 2021, arXiv 2104.08821)."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from toolkit import _checks
from toolkit.models.losses import nt_xent
from toolkit.models.text_encoders import pretrained, with_frozen_pooler
from toolkit.models.views import Loss, ViewModel


class SimCSE(ViewModel):
    """A transformer that learns to recognise a sentence under another dropout mask among the others of its batch.

    Each sentence passes twice through the encoder, in one batch. The loss is the cross-entropy over the B x B matrix
    of cosines between the passes.

    Parameters
    ----------
    encoder : str, path or nn.Module
        A model's folder or its name on the hub (`toolkit.models.text_encoders.pretrained`), or any transformers
        encoder, such as `small_bert`. Its pooler, if it has one, is not used, and is frozen.
    n_layers : int, optional
        Number of first layers to keep, for an encoder given by name.
    pooling : {"cls", "mean"}
        What represents a sentence: ``"cls"``, the first token's state, with a layer of the same width and tanh on top
        in training, as published; ``"mean"``, the mean state of the tokens, without such a layer.
    temperature : float
        Loss temperature.
    loss : callable
        One of `toolkit.models.losses`, called with ``within=False``.

    Raises
    ------
    ValueError
        For another pooling, and `n_layers` with an encoder that is not given by name.

    Examples
    --------
    >>> from toolkit.datasets import text as language
    >>> from toolkit.models import SimCSE
    >>> from toolkit.models.text_encoders import small_bert
    >>> sentences = language.bundled()
    >>> model = SimCSE(small_bert(len(sentences.tokenizer)))
    >>> index, tokens = sentences.collate([sentences[i] for i in range(8)])
    >>> loss, embeddings = model(tokens)
    >>> loss.shape, embeddings.shape
    (torch.Size([]), torch.Size([8, 256]))
    """

    def __init__(
        self,
        encoder: str | Path | nn.Module,
        n_layers: int | None = None,
        pooling: str = "cls",
        temperature: float = 0.05,
        loss: Loss = nt_xent,
    ) -> None:
        super().__init__(temperature, loss)
        self.pooling = _checks.choice("pooling", pooling, ("cls", "mean"))
        if isinstance(encoder, nn.Module) and n_layers is not None:
            raise ValueError("n_layers is for an encoder given by name, got a module: build that with fewer layers")
        encoder = encoder if isinstance(encoder, nn.Module) else pretrained(encoder, n_layers)
        self.encoder = with_frozen_pooler(encoder)
        width = _checks.integer("hidden_size", getattr(self.encoder.config, "hidden_size", None), 1)
        self.head = nn.Sequential(nn.Linear(width, width), nn.Tanh()) if pooling == "cls" else nn.Identity()

    def forward(self, tokens: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return the loss of one batch, and embeddings (B, 2 width) for the sampler.

        `tokens` has ``input_ids`` and ``attention_mask``, both (B, length).
        """
        return self.compare(*self.project({name: torch.cat([part, part]) for name, part in tokens.items()}).chunk(2))

    def encode(self, tokens: Mapping[str, Tensor], /) -> Tensor:
        """Return the sentence embeddings (B, width), before the head."""
        states = self.encoder(**tokens).last_hidden_state
        if self.pooling == "cls":
            return states[:, 0]
        mask = tokens["attention_mask"][..., None].to(states.dtype)
        return (states * mask).sum(1) / mask.sum(1)
