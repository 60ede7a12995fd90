"""Text encoders: given models, the first layers of them, or a small BERT with random weights."""

from pathlib import Path

from torch import nn

from toolkit import _checks
from toolkit.datasets.hub import from_pretrained


def pretrained(name: str | Path, n_layers: int | None = None) -> nn.Module:
    """Return a transformers encoder with its weights.

    Parameters
    ----------
    name : str or path
        A folder with a model, or a name on the hub.
    n_layers : int, optional
        Number of first layers to keep: fewer are cheaper, and of a sentence-tuned model less tuned.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such model, or it has fewer layers.
    """
    from transformers import AutoConfig, AutoModel

    config = from_pretrained(AutoConfig, name)
    if n_layers is not None:
        config.num_hidden_layers = _checks.integer("n_layers", n_layers, 1, config.num_hidden_layers)
    return from_pretrained(AutoModel, name, config=config)


def small_bert(
    vocab_size: int,
    n_layers: int = 2,
    width: int = 128,
    dropout: float = 0.1,
    max_length: int = 128,
    positions: bool = True,
    pad_token_id: int = 0,
) -> nn.Module:
    """Return a BERT with random weights that trains on a CPU.

    Weights are drawn at the scale of its width (standard deviation ``width ** -0.5``): at BERT's own 0.02 the attention
    of a narrow network hardly counts next to what it is added to.

    Parameters
    ----------
    vocab_size : int
        Size of the tokenizer's vocabulary, ``len(tokenizer)``.
    n_layers : int
        Transformer layers.
    width : int
        Width of the states, a multiple of 64 (the width of a head); feed-forward layers are four times as wide.
    dropout : float
        Dropout rate in [0, 1), which makes the two passes of SimCSE differ.
    max_length : int
        Largest number of tokens of a text.
    positions : bool
        Whether tokens have positions; without them a text is the set of its tokens. With them, and from random
        weights, SimCSE learns to recognise a sentence by the tokens at a few positions, which says little about its
        meaning.
    pad_token_id : int
        The tokenizer's token for padding.

    Examples
    --------
    >>> import torch
    >>> encoder = small_bert(vocab_size=1000, n_layers=1)
    >>> encoder(torch.ones(2, 7, dtype=torch.long)).last_hidden_state.shape
    torch.Size([2, 7, 128])
    """
    from transformers import BertConfig, BertModel

    for name, value in (("vocab_size", vocab_size), ("n_layers", n_layers), ("max_length", max_length)):
        _checks.integer(name, value, 1)
    if _checks.integer("width", width, 64) % 64:
        raise ValueError(f"width must be a multiple of 64, the width of an attention head, got {width}")
    _checks.number("dropout", dropout, "[0, 1)")
    config = BertConfig(
        vocab_size=vocab_size,
        num_hidden_layers=n_layers,
        hidden_size=width,
        num_attention_heads=width // 64,
        intermediate_size=4 * width,
        max_position_embeddings=max_length,
        type_vocab_size=1,
        initializer_range=width**-0.5,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        pad_token_id=pad_token_id,
    )
    encoder = BertModel(config, add_pooling_layer=False)
    nn.init.zeros_(encoder.embeddings.token_type_embeddings.weight)  # the same for all tokens
    if not positions:
        nn.init.zeros_(encoder.embeddings.position_embeddings.weight).requires_grad_(False)
    return encoder
