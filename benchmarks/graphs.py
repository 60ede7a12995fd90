"""Compare samplers and losses on graph data sets of the TU collection: the published protocol, over seeds."""

from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.modality import LOSSES, Modality, main, points, sampler_name, sampler_settings
from benchmarks.presets import GRAPHS, GraphPreset
from benchmarks.published_graphs import PUBLISHED
from toolkit import UniformBatchSampler
from toolkit.datasets import graphs
from toolkit.evaluation import embed, linear_fold_accuracy, svm_accuracy
from toolkit.models import MVGRL, GraphCL, losses
from toolkit.models.graph_encoders import GIN
from toolkit.samplers.registry import SAMPLERS, SamplerKind
from toolkit.training.comparison import UNTRAINED, Comparison, Task

FIXED = "uniform_fixed"
MVGRLS = ("mvgrl", "mvgrl_heads")  # all of it is trained, or its heads only
FUNCTIONS = {"infonce": losses.nt_xent, "dcl": losses.dcl, "hcl": losses.hcl}
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


class FixedBatchSampler(UniformBatchSampler):
    """The same batches in every epoch, the last, smaller one included: GraphCL's loader as its authors ship it."""

    def __init__(self, n: int, batch_size: int, *, seed: int = 0) -> None:
        super().__init__(n, batch_size, drop_last=n % batch_size == 1, seed=seed)  # one graph alone has no negatives

    def _plan(self) -> None:
        if len(self._queue) == 0:
            self._queue = np.random.default_rng(self.seed).permutation(self.n)[self._position * self.batch_size :]


# Not registered: a baseline of this benchmark alone.
MORE_SAMPLERS = {FIXED: SamplerKind(FIXED, "Uniform fixed", "#444444", FixedBatchSampler)}


def make_task(name: str, model: str, preset: GraphPreset, root: Path | None) -> Task:
    """Return the task of one data set, by its name in the TU collection, and model."""
    mvgrl = model in MVGRLS
    data = graphs.tu(name, root, degrees=mvgrl)
    run = preset.mvgrl if mvgrl else preset.graphcl
    n, per_epoch = len(data), -(-len(data) // run.batch_size)
    if mvgrl:
        data = data.diffused()

    def make_model(loss: str) -> nn.Module:
        if mvgrl:
            network = MVGRL(data.n_features, run.width, run.n_layers).to(DEVICE)
            network.encoders.requires_grad_(model == "mvgrl")
            return network
        encoder = GIN(data.n_features, run.width, run.n_layers)
        return GraphCL(encoder, loss=FUNCTIONS.get(loss, losses.nt_xent)).to(DEVICE)

    return Task(
        name=name,
        model=model,
        dataset=data if mvgrl else graphs.GraphViews(data),
        labels=data.labels,
        steps=preset.steps or run.epochs * per_epoch,
        batch_size=run.batch_size,
        make_model=make_model,
        evaluate=partial(evaluate, data, "linear" if mvgrl else "rbf"),
        make_optimizer=lambda network: (torch.optim.Adam(network.parameters(), lr=run.learning_rate), None),
        settings=f"{run.n_layers}x{run.width}, B={run.batch_size}, restart=auto",
        sampler_settings=sampler_settings(refresh_every=max(n // run.batch_size, 1)),
        samplers=SAMPLERS | MORE_SAMPLERS,
    )


def evaluate(data: graphs.Graphs, kernel: str, model: nn.Module) -> dict[str, float]:
    """Return the accuracies of the support vector machine and of the linear probe over ten folds.

    The folds follow from the seed of the run, so that runs of one seed share them.
    """
    (features, labels), seed = embed(model, data), torch.initial_seed()
    return {
        "SVM": svm_accuracy(features, labels, kernel, seed),
        "linear": linear_fold_accuracy(features, labels, seed),
    }


def cells(model: str, samplers, names) -> tuple:
    """Return the samplers and losses of a model: MVGRL has a loss of its own, and its authors reshuffle."""
    return ([name for name in samplers if name != FIXED], ["jsd"]) if model in MVGRLS else (samplers, names)


def beside_published(result: Comparison) -> str:
    """Return a table of means and deviations over seeds next to the published ones."""
    lines = ["Published figures for comparison (SVM, in points):", ""]
    lines += ["| set | model | sampler | here | published | runs |", "|---|---|---|---|---|---|"]
    for run in result.summary().itertuples():
        key = "mvgrl" if run.model in MVGRLS else run.loss
        column = "uniform" if run.sampler == FIXED else run.sampler
        found = PUBLISHED.get((key, column), {}).get(run.set)
        if run.sampler == UNTRAINED or found is None:
            continue
        name = f"{run.model}, {LOSSES[run.loss]}" if run.loss in LOSSES else run.model
        figures = points(run.mean, run.deviation), f"{found[0]:.2f} ± {found[1]:.2f}", str(run.runs)
        lines.append("| " + " | ".join((run.set, name, sampler_name(run.sampler), *figures)) + " |")
    return "\n".join(lines)


MODALITY = Modality(
    name="graphs",
    sets=("MUTAG", "IMDB-BINARY", "NCI1"),
    models=("graphcl", *MVGRLS),
    presets=GRAPHS,
    make_task=make_task,
    more_samplers=MORE_SAMPLERS,
    cells=cells,
    more=beside_published,
)

if __name__ == "__main__":
    main(MODALITY, __doc__)
