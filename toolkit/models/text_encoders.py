"""Text encoders: pretrained models or their first layers, a small BERT with random weights, bags of word pieces."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from toolkit import _checks
from toolkit.datasets.hub import from_pretrained


def pretrained(name: str | Path, n_layers: int | None = None) -> nn.Module:
    """Return a transformers encoder with its weights.

    Parameters
    ----------
    name : str or path
        A folder with a model, or a name on the hub.
    n_layers : int, optional
        Number of first layers to keep: fewer are cheaper; those of a sentence-tuned model are less tuned.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such model, or it has fewer layers.
    """
    from transformers import AutoModel

    return from_pretrained(AutoModel, name, config=_config(name, n_layers))


def _config(name: str | Path, n_layers: int | None):
    """Return the settings of a transformers model with its first layers only."""
    from transformers import AutoConfig

    config = from_pretrained(AutoConfig, name)
    if n_layers is not None:
        config.num_hidden_layers = _checks.integer("n_layers", n_layers, 1, config.num_hidden_layers)
    return config


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
        Maximum number of tokens per text.
    positions : bool
        Whether tokens have positions; without them a text is the set of its tokens. With positions and random
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

    vocab_size = _checks.integer("vocab_size", vocab_size, 1, most=2**31)
    n_layers = _checks.integer("n_layers", n_layers, 1, most=2**10)
    max_length = _checks.integer("max_length", max_length, 1, most=2**20)
    pad_token_id = _checks.integer("pad_token_id", pad_token_id, 0, vocab_size - 1)
    positions, width = _checks.flag("positions", positions), _checks.integer("width", width, 64, most=2**16)
    if width % 64:
        raise ValueError(f"width must be a multiple of 64, the width of an attention head, got {width}")
    dropout = _checks.number("dropout", dropout, "[0, 1)")
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


def static(tokenizer, width: int = 128, sparse: bool = True) -> nn.Module:
    """Return an encoder that averages an embedding of each token, with random weights: a bag of word pieces.

    It takes the batches of `Sentences`. Padding and the tokens that the tokenizer puts at the ends of every text do not
    count. Weights are drawn with BERT's standard deviation, 0.02. Only its ratio to the learning rate matters, to a
    loss of cosines minimised by Adam or SparseAdam: from torch's own, 1.0, they would hardly move at a rate of 1e-3.

    Parameters
    ----------
    tokenizer : transformers tokenizer
        The tokenizer of the texts, such as one that `train_tokenizer` returns.
    width : int
        Width d of the embeddings.
    sparse : bool
        Whether gradients are sparse: the cost of a training step then depends on the tokens of its batch, not on the
        whole vocabulary (with 16,000 pieces it is eight times as fast). Sparse gradients need `torch.optim.SparseAdam`,
        `SGD` or `Adagrad`; dense ones go with any optimizer.

    Examples
    --------
    >>> from toolkit.datasets.text import Sentences
    >>> from toolkit.datasets.tokenizers import train_tokenizer
    >>> texts = ["a cat sat", "a cat sat on a mat"]
    >>> sentences = Sentences(texts, train_tokenizer(texts, 300))
    >>> static(sentences.tokenizer, width=64)(sentences.batch([0, 1])).shape
    torch.Size([2, 64])
    """
    width, sparse = _checks.integer("width", width, 1, most=2**16), _checks.flag("sparse", sparse)
    embedding = nn.EmbeddingBag(len(tokenizer), width, mode="mean", sparse=sparse)
    nn.init.normal_(embedding.weight, std=0.02)
    return BagOfTokens(embedding, tokenizer("")["input_ids"])


class BagOfTokens(nn.Module):
    """Mean of the embeddings of a text's tokens, from padded tokens.

    Parameters
    ----------
    embedding : nn.EmbeddingBag
        Embeddings of the tokens, averaged.
    ignored : iterable of int
        Tokens that do not count, besides padding.
    """

    counts: Tensor

    def __init__(self, embedding: nn.EmbeddingBag, ignored: Iterable[int]) -> None:
        super().__init__()
        self.embedding = embedding
        counts = torch.ones(embedding.num_embeddings, dtype=torch.bool)
        counts[list(ignored)] = False
        self.register_buffer("counts", counts, persistent=False)

    def forward(self, tokens: Mapping[str, Tensor]) -> Tensor:
        """Return the embeddings (B, d) of ``input_ids`` and ``attention_mask``, both (B, length)."""
        ids = tokens["input_ids"]
        try:
            present = self.counts[ids] & tokens["attention_mask"].bool()
        except IndexError as error:
            raise ValueError(
                f"input_ids must be below {len(self.counts)}, the size of the encoder's vocabulary, got "
                f"{int(ids.max())}: tokenize with the encoder's own tokenizer"
            ) from error
        lengths = present.sum(1)
        return self.embedding(ids[present], lengths.cumsum(0) - lengths)


def sentence_encoder(
    model: str | Path | nn.Module, n_layers: int | None = None, pooling: str | None = None
) -> nn.Module:
    """Return a sentence encoder with the weights of a given model, which takes the batches of `Sentences`.

    Parameters
    ----------
    model : str, path or nn.Module
        A folder or a name on the hub, of a sentence-transformers model or of any transformers encoder; or a
        `SentenceTransformer` or `StaticEmbedding` of sentence-transformers. A `StaticEmbedding` has dense gradients
        unless its ``embedding.sparse`` is set to true.
    n_layers : int, optional
        Number of first layers to keep, for a model given by name.
    pooling : {"mean", "cls"}, optional
        What represents a sentence of a transformers encoder: the mean state of its tokens (default), or the first
        token's state. A sentence-transformers model brings its own pooling.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such model, it has fewer layers, or a setting does not go with it.

    Examples
    --------
    >>> encoder = sentence_encoder("sentence-transformers/all-MiniLM-L6-v2", n_layers=3)  # doctest: +SKIP
    >>> model = PairModel(encoder)  # doctest: +SKIP
    """
    if isinstance(model, nn.Module):
        if n_layers is not None or pooling is not None:
            raise ValueError("n_layers and pooling are for a model given by name, got a module")
        return _SentenceTransformer(model if isinstance(model, nn.Sequential) else [model])
    if not _is_sentence_transformer(model):
        return _Pooled(pretrained(model, n_layers), _checks.choice("pooling", pooling or "mean", ("mean", "cls")))
    if pooling is not None:
        raise ValueError(
            f"pooling must be None for a sentence-transformers model, which brings its own, got {pooling!r}"
        )
    from sentence_transformers import SentenceTransformer

    settings = None if n_layers is None else {"num_hidden_layers": _config(model, n_layers).num_hidden_layers}
    folder = Path(model).expanduser()
    name = str(folder) if folder.is_dir() else str(model)
    return _SentenceTransformer(SentenceTransformer(name, device="cpu", config_kwargs=settings))


def _is_sentence_transformer(name: str | Path) -> bool:
    """Return whether a folder or a model on the hub has sentence-transformers' list of modules."""
    folder = Path(name).expanduser()
    if folder.is_dir() or isinstance(name, Path):
        return (folder / "modules.json").is_file()
    from sentence_transformers.util import is_sentence_transformer_model

    return is_sentence_transformer_model(name)


def with_frozen_pooler(encoder: nn.Module) -> nn.Module:
    """Return a transformers encoder whose pooler, if it has one, is frozen, for models that use only tokens' states.

    It would get no gradients, and DistributedDataParallel waits for those of all trainable parameters.
    """
    pooler = getattr(encoder, "pooler", None)
    if isinstance(pooler, nn.Module):
        pooler.requires_grad_(False)
    return encoder


class _Pooled(nn.Module):
    """A transformers encoder and a pooling."""

    def __init__(self, encoder: nn.Module, pooling: str) -> None:
        super().__init__()
        self.encoder, self.pooling = with_frozen_pooler(encoder), pooling

    def forward(self, tokens: Mapping[str, Tensor]) -> Tensor:
        states = self.encoder(**tokens).last_hidden_state
        if self.pooling == "cls":
            return states[:, 0]
        mask = tokens["attention_mask"][..., None].to(states.dtype)
        return (states * mask).sum(1) / mask.sum(1)


class _SentenceTransformer(nn.Module):
    """The modules of a sentence-transformers model, one after the other."""

    def __init__(self, modules: Iterable) -> None:
        super().__init__()
        first, *rest = modules
        self.bag = None
        if isinstance(getattr(first, "embedding", None), nn.EmbeddingBag):
            # A StaticEmbedding, which itself takes the tokens of all texts in a row.
            self.bag, modules = BagOfTokens(first.embedding, first.tokenizer.encode("").ids), rest
        self.parts = nn.ModuleList(modules)
        for part in self.modules():
            encoder = getattr(part, "auto_model", None)
            pools = "pooler_output" in repr(getattr(part, "modality_config", None))  # as CLIP does
            if isinstance(encoder, nn.Module) and not pools:
                with_frozen_pooler(encoder)

    def forward(self, tokens: Mapping[str, Tensor]) -> Tensor:
        features = dict(tokens) if self.bag is None else {"sentence_embedding": self.bag(tokens)}
        for part in self.parts:
            features = part(features)
        return features["sentence_embedding"]
