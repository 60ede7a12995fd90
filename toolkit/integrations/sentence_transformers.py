"""sentence-transformers: a SentenceTransformerTrainer that takes its batches from samplers."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn
from torch.utils.data import BatchSampler as UsualBatchSampler
from torch.utils.data import RandomSampler, Sampler

from toolkit.integrations.trainer_states import SamplerStates, check_dataset, check_size, innermost
from toolkit.samplers import BatchSampler

COLUMN = "label"  # the collator hands it to the loss as it is, and losses of pairs ignore it
LABELS = (COLUMN, "labels", "score", "scores")  # columns that the collator takes for labels
_INDEX = "pass train_dataset=batches.indexed(dataset), after any shuffle, filter or split"
_HOOKS = "_sampler_hooks"


class SentenceBatches(SamplerStates):
    """Batches of samplers for `SentenceTransformerTrainer`, and embeddings for the samplers.

    The Trainer gets it in four places: ``args.batch_sampler``, ``train_dataset``, ``loss`` and ``callbacks``, as in the
    example. The first two columns of the training set are taken for queries and targets. Losses of pairs or triplets
    work, cached ones and `MatryoshkaLoss` around them too, if they embed each column once and need no labels.
    Evaluation sets and evaluators are left alone. Checkpoints hold the samplers' states, and resuming from one in
    ``args.output_dir`` repeats the batches exactly.

    ``args.per_device_train_batch_size`` is the samplers' batch size; whether a last, smaller batch is left out is up to
    them. With several processes and ``accelerator_config={"split_batches": True}`` each gets a slice of each batch;
    pass ``gather_across_devices=True`` to the loss. Without that setting, each gets batches of its own.

    Parameters
    ----------
    samplers : BatchSampler or dict of str to BatchSampler
        Sampler of the training set, or those of several training sets by name. The latter need a dict of losses with
        the same names.

    Raises
    ------
    TypeError
        If a sampler is not one of the toolkit's.

    Examples
    --------
    >>> import tempfile
    >>> from datasets import Dataset
    >>> from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer
    >>> from sentence_transformers import SentenceTransformerTrainingArguments
    >>> from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
    >>> from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    >>> from toolkit import RandomWalkBatchSampler
    >>> from toolkit.datasets.tokenizers import train_tokenizer
    >>> texts = [f"{word} number {i}" for i in range(30) for word in ("apple", "berry")]
    >>> dataset = Dataset.from_dict({"query": texts, "answer": [f"a {text}" for text in texts]})
    >>> model = SentenceTransformer(modules=[StaticEmbedding(train_tokenizer(texts, 300), embedding_dim=16)])
    >>> batches = SentenceBatches(RandomWalkBatchSampler(60, batch_size=12, restart=0.2))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     trainer = SentenceTransformerTrainer(
    ...         model,
    ...         SentenceTransformerTrainingArguments(
    ...             folder,
    ...             per_device_train_batch_size=12,
    ...             batch_sampler=batches.batch_sampler,
    ...             max_steps=8,
    ...             report_to="none",
    ...         ),
    ...         train_dataset=batches.indexed(dataset),
    ...         loss=batches.track(MultipleNegativesRankingLoss(model)),
    ...         callbacks=[batches],
    ...     )
    ...     trainer.train().global_step, batches.samplers[""].warming_up  # doctest: +ELLIPSIS
    {'train_runtime': ...
    (8, False)
    """

    def __init__(self, samplers: BatchSampler | dict[str, BatchSampler]) -> None:
        super().__init__(samplers if isinstance(samplers, dict) else {"": samplers})
        self._losses: dict[str, nn.Module] = {}
        self._lent: list[Sampler] = []  # batch samplers of the loader that trains

    @staticmethod
    def indexed(dataset):
        """Return a data set (`datasets.Dataset`) with its row numbers in a column ``label``.

        Raises
        ------
        ValueError
            If it has a column that sentence-transformers takes for labels.
        """
        found = [name for name in LABELS if name in dataset.column_names]
        if found:
            raise ValueError(f"dataset must have no labels, got {found}: call dataset.remove_columns({found})")
        return dataset.add_column(COLUMN, np.arange(len(dataset)))

    def batch_sampler(self, dataset, batch_size: int, drop_last: bool, **settings) -> Sampler:
        """Return the batch sampler of a data set, for ``args.batch_sampler``.

        An evaluation set gets the one that sentence-transformers uses by default.
        """
        shuffled = RandomSampler(dataset, generator=settings.get("generator"))
        name = "" if "" in self.samplers else dataset[0].get("dataset_name")
        try:
            sampler = self._sampler_of(name, dataset, batch_size)
        except ValueError as error:
            return _Usual(shuffled, batch_size, drop_last, error)
        return _Lent(self, name, UsualBatchSampler(shuffled, batch_size, sampler.drop_last))

    def _sampler_of(self, name: str, dataset, batch_size: int) -> BatchSampler:
        """Return the sampler of a data set, or raise ValueError if it can't be the training set of one."""
        sampler = self.samplers.get(name)
        if sampler is None:
            raise ValueError(
                f"samplers must be a dict with one for each training set, got {list(self.samplers)} and a set named "
                f"{name!r}: give samplers and losses the names of the data sets"
            )
        check_dataset(sampler, dataset, COLUMN, _INDEX)
        check_size(sampler, batch_size)
        return sampler

    def track(self, loss: nn.Module, name: str = "") -> nn.Module:
        """Return the loss itself, and from now on pass its embeddings in each training step to a sampler.

        Parameters
        ----------
        loss : nn.Module
            Loss of sentence-transformers with its model.
        name : str, optional
            Name of the training set, where there are several, each with a loss of its own.

        Raises
        ------
        TypeError, ValueError
            For a loss without a model, a name without a sampler, and a loss that is tracked for another data set.
        """
        if not isinstance(name, str) or name not in self.samplers:
            raise ValueError(f"name must be one of {list(self.samplers)}, got {name!r}")
        model = getattr(loss, "model", None)
        if not isinstance(model, nn.Module):
            raise TypeError(f"loss must be a loss of sentence-transformers with its model, got {type(loss).__name__}")
        if any(other is loss for key, other in self._losses.items() if key != name):
            raise ValueError(
                f"loss must be a different one for each data set, got the same for {name!r} as for another"
            )
        for hook in vars(loss).pop(_HOOKS, ()):
            hook.remove()
        tracker = _Tracker(self, name)
        last = list(model.children())[-1]  # of full width, whatever MatryoshkaLoss makes of it
        hooks = loss.register_forward_pre_hook(tracker.before), last.register_forward_hook(tracker.embedded)
        vars(loss)[_HOOKS] = *hooks, loss.register_forward_hook(tracker.after)
        self._losses[name] = loss
        return loss

    def on_train_begin(self, args, state, control, train_dataloader=None, **kwargs) -> None:
        """Check that the Trainer has the batches and the losses; load the samplers' states if it resumes.

        Raises
        ------
        ValueError
            If one of them is missing or does not fit.
        """
        if args.batch_sampler != self.batch_sampler:
            raise ValueError(
                f"args.batch_sampler must be batches.batch_sampler, got {args.batch_sampler!r}: sentence-transformers "
                "ignores any object that is not a function or one of its own samplers"
            )
        if args.n_gpu > 1:
            raise ValueError(f"args.n_gpu must be 1, got {args.n_gpu}: start one process for each GPU with torchrun")
        found = innermost(train_dataloader)
        found = getattr(found, "batch_samplers", [found])
        for one in found:
            if not isinstance(one, _Lent):
                raise getattr(one, "error", None) or ValueError(
                    f"train_dataset must be a datasets.Dataset or a dict of them, got batches of {type(one).__name__}"
                )
        names = sorted(one.name for one in found)
        if names != sorted(self.samplers):
            raise ValueError(
                f"samplers must have one for each training set, got {list(self.samplers)} for {len(found)} of them: "
                "pass a dict of samplers, and a dict of losses, with the names of the data sets"
            )
        untracked = [name for name in names if name not in self._losses]
        if untracked:
            raise ValueError(f"loss must be tracked, got none for {untracked}: pass loss=batches.track(loss)")
        self._lent = found
        super().on_train_begin(args, state, control, **kwargs)

    def on_step_end(self, args, state, control, **kwargs) -> None:
        """Raise RuntimeError if no embeddings came in."""
        if not self.updated:
            raise RuntimeError(
                f"loss must be the one that batches.track returned, got no embeddings in step {state.global_step}: "
                "pass loss=batches.track(loss)"
            )
        super().on_step_end(args, state, control, **kwargs)


class _Tracker:
    """Hooks that take the embeddings of training steps; not functions, since workers get the model pickled."""

    def __init__(self, batches: SentenceBatches, name: str) -> None:
        self.batches, self.name = batches, name
        self.rows: list[torch.Tensor] | None = None  # None outside of training steps

    def before(self, loss, args) -> None:
        self.rows = [] if torch.is_grad_enabled() else None

    def embedded(self, module, args, output) -> None:
        if self.rows is not None:
            self.rows.append(output["sentence_embedding"].detach())

    def after(self, loss, args, output) -> None:
        rows, self.rows = self.rows, None  # a cached loss embeds again in the backward pass
        if rows is None:
            return
        if not self.batches._lent:
            raise RuntimeError("callbacks must have the object that tracks the loss: pass callbacks=[batches]")
        features, index = args
        if index is None:
            return  # the loss was called by hand
        n, embeddings = len(index), torch.cat(rows)
        if len(embeddings) < n * len(features):
            raise ValueError(
                f"loss must embed each of the {len(features)} columns of {n} texts, got {len(embeddings)} embeddings"
            )
        self.batches.update(self.name, index, *embeddings[: n * min(len(features), 2)].split(n))


class _Lent(Sampler):
    """The batches of a sampler in the loader that trains; the usual ones where the same data set is evaluated."""

    def __init__(self, batches: SentenceBatches, name: str, usual: UsualBatchSampler) -> None:
        self.batches, self.name, self.usual = batches, name, usual
        self.batch_size, self.drop_last = usual.batch_size, usual.drop_last

    def __len__(self) -> int:
        return len(self.usual)

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self.batches.samplers[self.name] if self._trains else self.usual)

    @property
    def _trains(self) -> bool:
        return any(one is self for one in self.batches._lent)

    def set_epoch(self, epoch: int) -> None:
        if self._trains:
            self.batches.samplers[self.name].set_epoch(epoch)


class _Usual(UsualBatchSampler):
    """Batches of an evaluation set, and why it can't be a training set."""

    def __init__(self, order: Sampler, batch_size: int, drop_last: bool, error: ValueError) -> None:
        super().__init__(order, batch_size, drop_last)
        self.error = error
