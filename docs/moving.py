"""Film the walk player: the page that it saves, played in headless Chromium, as an animated PNG.

usage: python docs/moving.py
"""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))
MILLISECONDS = 350
SETTINGS = {"n_candidates": 500, "n_neighbors": 30, "restart": 0.2, "batch_size": 32}


def main() -> None:
    """Write walk_moving.png."""
    from lab import chromium
    from screenshots import IMAGES

    found: dict = {}
    exec(IMAGES, found)
    player = found["explorers"].WalkPlayer(found["embeddings"], found["names"], found["images"], **SETTINGS)
    player.positions.wait()
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        page = browser.new_page(viewport={"width": 1000, "height": 660})
        saved = Path(folder) / "walk.html"
        player.save(saved)
        page.goto(saved.as_uri())
        film(page, HERE / "walk_moving.png")


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
