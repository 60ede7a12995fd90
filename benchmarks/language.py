"""Compare samplers and losses on sentences: SimCSE after the same number of steps, tested on STS, over seeds."""

import os
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.modality import Modality, main, sampler_settings
from benchmarks.presets import LANGUAGE, LanguagePreset
from toolkit.datasets._files import data_root
from toolkit.datasets.sts import ScoredPairs, sts
from toolkit.datasets.text import Sentences, text_file
from toolkit.evaluation import alignment, sts_spearman, uniformity
from toolkit.evaluation.sts import embed_pairs
from toolkit.models import SimCSE, losses
from toolkit.models.text_encoders import small_bert
from toolkit.training.comparison import Task
from toolkit.training.schedules import warmup_cosine

LOSSES = {
    "infonce": losses.nt_xent,
    "dcl": partial(losses.dcl, tau_plus=0.01),
    "hcl": partial(losses.hcl, tau_plus=0.01, beta=0.5),
}
ALIKE = 4  # least score of the pairs that alignment is measured on
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def make_task(name: str, model: str, preset: LanguagePreset, root: Path | None) -> Task:
    """Return the task of one corpus; `name` is "wikipedia" or a text file of one's own."""
    path = data_root(root) / "text" / "wiki_sentences.txt" if name == "wikipedia" else Path(name)
    sentences = text_file(path, preset.encoder, preset.max_length, limit=preset.n_sentences, progress=False)
    dev = sts(root, ["STSBenchmark"], split="dev")[0]
    tests = sts(root)

    def make_optimizer(network: nn.Module):
        optimizer = torch.optim.AdamW(network.parameters(), lr=preset.learning_rate, weight_decay=0, fused=True)
        return optimizer, warmup_cosine(optimizer, preset.steps, preset.steps // 10)

    start = preset.encoder or f"random weights, {preset.n_layers} x {preset.width}"
    if not preset.positions:
        start += " without positions"
    return Task(
        name=name if name == "wikipedia" else Path(name).stem,
        model=model,
        dataset=sentences,
        steps=preset.steps,
        batch_size=preset.batch_size,
        make_model=partial(make_model, preset, sentences),
        evaluate=partial(evaluate, sentences, dev, tests),
        make_optimizer=make_optimizer,
        training={"precision": preset.precision},
        settings=f"{start}, {preset.pooling} pooling, {len(sentences)} sentences of up to {preset.max_length} tokens, "
        f"B={preset.batch_size}, t={preset.temperature}, restart=auto",
        sampler_settings=sampler_settings(refresh_every=preset.refresh_every),
    )


def make_model(preset: LanguagePreset, sentences: Sentences, loss: str) -> nn.Module:
    """Return a new model: a given one, or one with random weights."""
    encoder = preset.encoder or small_bert(
        len(sentences.tokenizer),
        preset.n_layers,
        preset.width,
        preset.dropout,
        positions=preset.positions,
        pad_token_id=sentences.tokenizer.pad_token_id,
    )
    return SimCSE(encoder, pooling=preset.pooling, temperature=preset.temperature, loss=LOSSES[loss]).to(DEVICE)


def evaluate(sentences: Sentences, dev: ScoredPairs, tests: list[ScoredPairs], model: nn.Module) -> dict[str, float]:
    """Return the mean Spearman correlation of the test tasks that are there, named by them, then each by itself.

    Alignment (of the pairs that people found alike) and uniformity are those of STS-Benchmark's dev pairs.
    """
    scores = sts_spearman(model, tests, sentences.tokenizer)
    gaps = {task: f" without {' '.join(subsets)}" for task, subsets in scores.missing.items()}
    names = [task + gaps.get(task, "") for task in scores.spearman]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # what is missing stands in the metric's name
        mean = scores.value
    first, second = embed_pairs(model, dev, sentences.tokenizer)
    alike = torch.from_numpy(np.array(dev.scores) >= ALIKE)
    return {
        f"STS Spearman, mean of {', '.join(names)}": mean,
        "STSBenchmark dev": sts_spearman(model, [dev], sentences.tokenizer).spearman[dev.name],
        **scores.spearman,
        "alignment": alignment(first[alike], second[alike]),
        "uniformity": uniformity(torch.cat([first, second]).unique(dim=0)),
    }


MODALITY = Modality(name="language", sets=("wikipedia",), models=("simcse",), presets=LANGUAGE, make_task=make_task)

if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    main(MODALITY, __doc__)
