"""Film the walk player: the page that it saves, played in headless Chromium, as an animated PNG.

usage: python docs/moving.py
"""

import io
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from toolkit import UniformBatchSampler
from toolkit.datasets import vision
from toolkit.evaluation import embed
from toolkit.explorers import WalkPlayer
from toolkit.models import SimCLR
from toolkit.models.encoders import SmallConvNet
from toolkit.training import train

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))
MILLISECONDS = 350
SETTINGS = {"n_candidates": 500, "n_neighbors": 30, "restart": 0.2, "batch_size": 32}


def main() -> None:
    """Write walk_moving.png."""
    from lab import chromium

    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        page = browser.new_page(viewport={"width": 1000, "height": 660})
        saved = Path(folder) / "walk.html"
        player().save(saved)
        page.goto(saved.as_uri())
        film(page, HERE / "walk_moving.png")


def player() -> WalkPlayer:
    """Return a walk on images, embedded by a model that has trained for three epochs."""
    data = vision.bundled()
    torch.manual_seed(0)
    model = SimCLR(SmallConvNet(in_channels=1, width=16), temperature=0.2)
    train(model, data.views, UniformBatchSampler(data.views, 128), 186, progress=False)
    embeddings, labels = embed(model, data.train, projected=True)
    shown = WalkPlayer(embeddings, np.array(data.classes)[labels], data.train.pixels, **SETTINGS)
    shown.positions.wait()
    return shown


def film(page, path: Path) -> None:
    """Press the key of the next step again and again, and write what is seen."""
    page.locator("canvas.tk-top").focus()
    page.keyboard.press("Home")
    frames = []
    for _ in range(page.evaluate("Number(document.querySelector('input[type=range]').max)") + 1):
        page.wait_for_timeout(100)
        frames.append(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
        page.keyboard.press("ArrowRight")
    palette = frames[-1].quantize(128, method=Image.Quantize.FASTOCTREE)
    small = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    small[0].save(path, save_all=True, append_images=small[1:], duration=MILLISECONDS, loop=0, optimize=True)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
