"""Data of the tests of explorers with a map."""

import asyncio

import numpy as np

RNG = np.random.default_rng(0)
N = 300
CODES = np.arange(N) % 5
LABELS = np.array(["boot", "bag", "coat", "dress", "shirt"])[CODES]
POINTS = 1.5 * RNG.normal(size=(5, 12))[CODES] + RNG.normal(size=(N, 12))
IMAGES = RNG.integers(0, 256, (N, 8, 8), np.uint8)
SENTENCES = [f"sentence number {i} <b>" for i in range(N)]
UNLABELLED = [None if i % 3 == 0 else label for i, label in enumerate(LABELS.tolist())]

# What a notebook in a browser begins with, and what a canvas shows.
CELL = """
import numpy as np
from toolkit.explorers import ProximityGraphExplorer, WalkPlayer
rng = np.random.default_rng(0)
codes = np.arange(1000) % 5
labels = np.array(["boot", "bag", "coat", "dress", "shirt"])[codes]
points = 1.5 * rng.normal(size=(5, 12))[codes] + rng.normal(size=(1000, 12))
images = rng.integers(0, 256, (1000, 8, 8), np.uint8)
"""
PIXELS = "canvas => canvas.toDataURL()"


def make(explorer_class, labels=LABELS, items=IMAGES, projection="pca", **options):
    return explorer_class(POINTS, labels, items, projection=projection, **options)


def ints(data):
    return np.frombuffer(data, np.int32)


def floats(data):
    return np.frombuffer(data, np.float32)


def shades(canvas):
    """Return the colour of each point, "" where it has none."""
    return np.array(canvas.palette + [""] * (256 - len(canvas.palette)))[np.frombuffer(canvas.shade, np.uint8)]


def fail(*args, **kwargs):
    raise RuntimeError("the graph <burst>")


async def until(condition):
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen in 5 seconds")
