"""Text encoders: given models, the first layers of them, or a small BERT with random weights."""

from pathlib import Path

from torch import nn

from toolkit import _checks


def load(kind, name: str | Path, **settings):
    """Return ``kind.from_pretrained(name)``, `kind` one of transformers' Auto classes.

    Raises
    ------
    FileNotFoundError
        If `name` is no folder with a model, and not to be had from the hub either.
    """
    folder = Path(name).expanduser()
    looks_like_a_path = isinstance(name, Path) or str(name).startswith((".", "/", "~")) or str(name).count("/") > 1
    if looks_like_a_path and not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}: give one that holds a transformers model, or a name on the hub")
    try:
        return kind.from_pretrained(str(folder) if folder.is_dir() else str(name), **settings)
    except (OSError, ValueError) as error:
        raise FileNotFoundError(
            f"{str(name)!r} is no folder with a transformers model, nor a model that the hub's cache holds or the hub "
            f"gives: {error}"
        ) from error


def pretrained(name: str | Path, n_layers: int | None = None) -> nn.Module:
    """Return a transformers encoder with its weights.

    Parameters
    ----------
    name : str or path
        A folder with a model, or a name on the hub.
    n_layers : int, optional
        Keep the first layers only: a cheaper start, and with a sentence-tuned model one less tuned.

    Raises
    ------
    FileNotFoundError
        If there is no such model.
    ValueError
        If the model has fewer layers.
    """
    from transformers import AutoConfig, AutoModel

    config = load(AutoConfig, name)
    if n_layers is not None:
        config.num_hidden_layers = _checks.integer("n_layers", n_layers, 1, config.num_hidden_layers)
    return load(AutoModel, name, config=config)


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
    of a narrow network hardly counts beside what it is added to.

    Parameters
    ----------
    vocab_size : int
        Of the tokenizer, ``len(tokenizer)``.
    n_layers, width : int
        `width` is a multiple of 64, the width of a head; feed-forward layers are four times as wide.
    dropout : float
        In [0, 1). What makes the two passes of SimCSE differ.
    max_length : int
        Most tokens of a text.
    positions : bool
        Without them a text is the set of its tokens. With them, and from random weights, SimCSE learns to tell a
        sentence by the tokens at a few positions, which says little about its meaning.
    pad_token_id : int
        Of the tokenizer.

    Raises
    ------
    TypeError, ValueError
        For sizes that are not integers of at least 1, a width that is no multiple of 64, and dropout outside [0, 1).

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
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must lie in [0, 1), got {dropout}")
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
