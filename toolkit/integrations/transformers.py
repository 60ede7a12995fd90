"""transformers: a Trainer that takes its batches from a sampler, with checkpoints that resume it exactly."""

from typing import Any, cast

import torch
from torch.utils.data import DataLoader
from transformers import Trainer

from toolkit.integrations.trainer_states import SamplerStates, check_dataset, check_size
from toolkit.samplers import BatchSampler

_INDEX = "call dataset.add_column('index', range(len(dataset))), after any shuffle, filter or split"


class SamplerTrainer(Trainer):
    """Trainer whose training batches come from a sampler, which gets the embeddings of each step.

    Items of the training set are dicts with a key ``index``, their row number, which the model does not get. The model
    returns a dict with its loss and ``embeddings`` (B, d), of pairs ``queries`` and ``targets``; override `embeddings`
    if it returns them otherwise. Checkpoints hold the sampler's state, and resuming from one in ``args.output_dir``
    repeats the batches exactly.

    ``args.per_device_train_batch_size`` is the sampler's batch size. With several processes and
    ``accelerator_config={"split_batches": True}`` each gets a slice of each batch; compute the loss over the embeddings
    of all of them (`toolkit.models.losses.gathered`). Without that setting, each gets batches of its own.

    Parameters
    ----------
    *args, **kwargs
        Arguments of `transformers.Trainer`.
    batch_sampler : BatchSampler
        Sampler of the training set.

    Raises
    ------
    TypeError, ValueError
        For what is not a sampler, and a training set or batch size that is not the sampler's.

    Examples
    --------
    >>> import tempfile
    >>> from torch import nn
    >>> from transformers import TrainingArguments
    >>> from toolkit import RandomWalkBatchSampler
    >>> from toolkit.models.losses import nt_xent
    >>> class Encoder(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.layer = nn.Linear(8, 4)
    ...
    ...     def forward(self, points):
    ...         first, second = (self.layer(points + 0.1 * torch.randn_like(points)) for _ in range(2))
    ...         return {"loss": nt_xent(first, second), "embeddings": first}
    >>> items = [{"index": row, "points": point} for row, point in enumerate(torch.randn(60, 8))]
    >>> sampler = RandomWalkBatchSampler(60, batch_size=12, restart=0.2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     args = TrainingArguments(folder, per_device_train_batch_size=12, max_steps=8, report_to="none")
    ...     trainer = SamplerTrainer(Encoder(), args, train_dataset=items, batch_sampler=sampler)
    ...     trainer.train().global_step, sampler.warming_up  # doctest: +ELLIPSIS
    {'train_runtime': ...
    (8, False)
    """

    def __init__(self, *args, batch_sampler: BatchSampler, **kwargs) -> None:
        self.states = SamplerStates({"": batch_sampler})
        super().__init__(*args, **kwargs)
        self.add_callback(self.states)
        check_size(batch_sampler, self.args.train_batch_size)
        check_dataset(batch_sampler, self.train_dataset, "index", _INDEX)

    def get_train_dataloader(self) -> DataLoader:
        """Return the loader of the sampler's batches."""
        self.states.share(self.args)
        dataset, collate = cast(Any, self.train_dataset), self.data_collator
        self._set_signature_columns_if_needed()
        columns = self._signature_columns or []
        self._signature_columns = [*columns, "index"]
        if hasattr(dataset, "column_names"):
            dataset = cast(Any, self._remove_unused_columns(dataset, description="Training"))
        else:
            collate = self._get_collator_with_removed_columns(collate, description="Training")
        self._signature_columns = columns
        loader = DataLoader(
            dataset,
            batch_sampler=self.states.samplers[""],
            collate_fn=collate,
            num_workers=self.args.dataloader_num_workers,
            pin_memory=self.args.dataloader_pin_memory,
            persistent_workers=self.args.dataloader_persistent_workers,
            prefetch_factor=self.args.dataloader_prefetch_factor,
        )
        return self.accelerator.prepare(loader)

    def compute_loss(self, model, inputs, return_outputs: bool = False, num_items_in_batch=None):
        """Return the loss; in a training step, pass the embeddings to the sampler."""
        inputs = dict(inputs)
        index = inputs.pop("index", None)
        loss, outputs = super().compute_loss(model, inputs, return_outputs=True, num_items_in_batch=num_items_in_batch)
        if model.training:
            if index is None:
                raise ValueError(
                    f"train_dataset must have items with a key 'index', their row number, got {list(inputs)} in a batch"
                )
            self.states.update("", index, *self.embeddings(outputs))
        return (loss, outputs) if return_outputs else loss

    def embeddings(self, outputs) -> tuple[torch.Tensor, ...]:
        """Return the embeddings in a model's outputs, or those of queries and of targets."""
        for names in (("queries", "targets"), ("embeddings",)):
            if isinstance(outputs, dict) and all(name in outputs for name in names):
                return tuple(outputs[name].detach() for name in names)
        found = list(outputs) if isinstance(outputs, dict) else type(outputs).__name__
        raise ValueError(
            "outputs of the model must have 'embeddings', or 'queries' and 'targets', "
            f"got {found}: return them, or override SamplerTrainer.embeddings"
        )
