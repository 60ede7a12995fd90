"""Compare samplers and losses on image data sets: kNN and linear probe after the same number of steps, over seeds."""

from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.modality import Modality, main, sampler_settings
from benchmarks.presets import VISION, VisionPreset
from toolkit.datasets import vision
from toolkit.datasets.image_views import imagenet_augmentation, simclr_augmentation
from toolkit.datasets.vision import ImageData, IndexedPixels
from toolkit.evaluation import embed, knn_accuracy, linear_accuracy
from toolkit.models import MoCoV3, SimCLR, losses
from toolkit.models.moco import CosineMomentum
from toolkit.training.comparison import Task
from toolkit.training.schedules import warmup_cosine

SETS = {
    "bundled": lambda root: vision.bundled(),
    "fashion_mnist": vision.fashion_mnist,
    "cifar10": vision.cifar10,
    "cifar100": vision.cifar100,
    "stl10": vision.stl10,
}
LOSSES = {
    "infonce": losses.nt_xent,
    "dcl": partial(losses.dcl, tau_plus=0.1),
    "hcl": partial(losses.hcl, tau_plus=0.1, beta=1.0),
}
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


class Pixels(nn.Module):
    """The images as they are."""

    def encode(self, images):
        """Return the images as rows."""
        return images.flatten(1)


def make_task(name: str, model: str, preset: VisionPreset, root: Path | None) -> Task:
    """Return the task of one data set and model; `name` may also be a folder of images."""
    return task_of(name, SETS[name](root) if name in SETS else vision.image_folder(name), model, preset)


def task_of(name: str, data: ImageData, model: str, preset: VisionPreset) -> Task:
    """Return the task of images that are loaded."""
    augmentation = simclr_augmentation((preset.crop, 1.0)) if name in SETS else imagenet_augmentation()

    def make_optimizer(network: nn.Module):
        optimizer = torch.optim.AdamW(
            [p for p in network.parameters() if p.requires_grad],
            lr=preset.learning_rate,
            weight_decay=preset.weight_decay,
        )
        return optimizer, warmup_cosine(optimizer, preset.steps, preset.steps // 10)

    return Task(
        name=name,
        model=model,
        dataset=IndexedPixels(data.views.images),
        labels=data.views.labels,
        steps=preset.steps,
        batch_size=preset.batch_size,
        make_model=partial(make_model, model, preset, data),
        evaluate=partial(evaluate, data, preset.labelled),
        make_optimizer=make_optimizer,
        training={"augmentation": augmentation, "precision": preset.precision},
        settings=f"{preset.encoder}, B={preset.batch_size}, t={preset.temperature}, restart=auto",
        sampler_settings=sampler_settings(refresh_every=preset.refresh_every),
    )


def make_model(name: str, preset: VisionPreset, data: ImageData, loss: str) -> nn.Module:
    """Return a new model."""
    channels = data.train[0][0].shape[0]
    if name == "raw pixels":
        return Pixels()
    if name == "mocov3":
        momentum = CosineMomentum(0.99, preset.steps)
        settings = {"hidden_dim": 512, "momentum": momentum, "temperature": preset.temperature, "loss": LOSSES[loss]}
        return MoCoV3(preset.encoder, channels, **settings).to(DEVICE)
    return SimCLR(preset.encoder, channels, temperature=preset.temperature, loss=LOSSES[loss]).to(DEVICE)


def evaluate(data: ImageData, labelled: int, model: nn.Module) -> dict[str, float]:
    """Return the accuracies of the weighted kNN probe, and of the linear probe on some of the training images.

    Pixels are too many for the linear probe.
    """
    train, test = embed(model, data.train), embed(model, data.test)
    if isinstance(model, Pixels):
        return {"kNN probe": knn_accuracy(*train, *test), "linear probe": float("nan")}
    some = np.random.default_rng(0).permutation(len(train[1]))[:labelled]
    return {
        "kNN probe": knn_accuracy(*train, *test),
        "linear probe": linear_accuracy(train[0][some], train[1][some], *test),
    }


MODALITY = Modality(
    name="vision",
    sets=("fashion_mnist", "cifar10"),
    models=("simclr", "mocov3"),
    presets=VISION,
    make_task=make_task,
    reference="raw pixels",
)

if __name__ == "__main__":
    main(MODALITY, __doc__)
