"""Film explorers in headless Chromium, as animated PNGs: a walk that fills a batch, and the tuner as its budget grows.

usage: python docs/moving.py [walk tuner]     (none: both)
"""

import io
import sys
import tempfile
from collections.abc import Iterator
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
sys.path[:0] = [str(HERE), str(HERE.parent / "tests")]
SETTINGS = {"n_candidates": 500, "n_neighbors": 30, "restart": 0.2, "batch_size": 32}
BUDGETS = 6  # that the tuner is filmed with
TUNER = "explorers.TunerExplorer(embeddings, max_false_negatives=0.005, **given)"
SETTLED = "() => document.querySelector('.tk-columns') && !document.querySelector('.tk-busy, .tk-stale')"


def main(chosen: list[str]) -> None:
    """Write walk_moving.png and tuner_moving.png."""
    from lab import chromium

    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        if "walk" in chosen:
            film(walk_frames(browser, Path(folder) / "walk.html"), HERE / "walk_moving.png", 350)
        if "tuner" in chosen:
            film(tuner_frames(browser, Path(folder) / "lab"), HERE / "tuner_moving.png", 1200)


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


def walk_frames(browser, saved: Path) -> Iterator[bytes]:
    """Press the key of the next step again and again on the page that the player saves."""
    page = browser.new_page(viewport={"width": 1000, "height": 660})
    player().save(saved)
    page.goto(saved.as_uri())
    page.locator("canvas.tk-top").focus()
    page.keyboard.press("Home")
    for _ in range(page.evaluate("Number(document.querySelector('input[type=range]').max)") + 1):
        page.wait_for_timeout(100)
        yield page.screenshot()
        page.keyboard.press("ArrowRight")
    page.close()


def tuner_frames(browser, folder: Path) -> Iterator[bytes]:
    """Pin the first suggestion in a notebook, and move the budget up key by key."""
    from lab import Notebook, jupyter_lab
    from screenshots import PAIRS

    with jupyter_lab(folder) as lab:
        page = browser.new_page(viewport={"width": 1000, "height": 1500})
        notebook = Notebook(page, lab.address(lab.write("tuner.ipynb", [PAIRS, TUNER])))
        notebook.run_all(900)
        explorer = notebook.output(".tk-explorer")
        page.wait_for_function(SETTLED, timeout=300_000)
        explorer.get_by_role("button", name="Pin").click()
        for _ in range(BUDGETS):
            page.wait_for_function(SETTLED, timeout=300_000)
            page.wait_for_timeout(500)
            yield explorer.screenshot()
            explorer.locator(".noUi-handle").first.focus()
            page.keyboard.press("ArrowRight")
            page.wait_for_timeout(300)
        page.close()


def film(shots: Iterator[bytes], path: Path, milliseconds: int) -> None:
    """Write pictures as a film with few colours."""
    frames = [Image.open(io.BytesIO(shot)).convert("RGB") for shot in shots]
    size = frames[0].width, min(frame.height for frame in frames)
    frames = [frame.crop((0, 0, *size)) for frame in frames]
    palette = frames[-1].quantize(128, method=Image.Quantize.FASTOCTREE)
    small = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    small[0].save(path, save_all=True, append_images=small[1:], duration=milliseconds, loop=0, optimize=True)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:] or ["walk", "tuner"])
