"""Key press to repaint of the explorers, in a real browser: JupyterLab in headless Chromium.

usage: python -m benchmarks.widgets [--sizes 2000 10000 60000] [--explorers NAME ...] [--keys 25]
"""

import argparse
import os
import platform
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.report import refresh

SIZES = (2_000, 10_000, 60_000)
N_KEYS = 25
DATA = """
import numpy as np
from toolkit import explorers
rng = np.random.default_rng(0)
labels = np.arange({n}) % 10
points = (rng.normal(size=(10, 128))[labels] + rng.normal(size=({n}, 128))).astype(np.float32)
images = rng.integers(0, 256, ({n}, 28, 28), np.uint8)
"""
# Presses a key and waits for what it changes, then for the frame that shows it: reading a pixel waits for the raster.
WATCH = """([target, key, shown]) => new Promise((done, fail) => {
    const read = eval(shown), before = read(), began = performance.now();
    const options = { key, code: key, keyCode: key === 'ArrowRight' ? 39 : 37, bubbles: true, cancelable: true };
    target.focus();
    target.dispatchEvent(new KeyboardEvent('keydown', options));
    const look = () => {
        if (performance.now() - began > 30000) return fail(new Error('nothing changed in 30 seconds'));
        if (read() === before) return requestAnimationFrame(look);
        requestAnimationFrame(() => {
            document.querySelector('.tk-top')?.getContext('2d').getImageData(0, 0, 1, 1);
            done(performance.now() - began);
        });
    };
    requestAnimationFrame(look);
})"""
ON_MAP = "() => document.querySelector('.tk-top').dataset.shown"
IN_IMAGE = "() => document.querySelector('img.widget-image').src"
SLIDER = ".noUi-handle >> nth=0"


@dataclass(frozen=True)
class Case:
    """What is pressed and what must change.

    Attributes
    ----------
    code : str
        Makes the explorer of `points`, `labels` and `images`.
    target : str
        Selector of what has the focus.
    shown : str
        JavaScript function that returns what the picture shows.
    limits : tuple of float
        Median in milliseconds that is not to be exceeded, at 10,000 and at 60,000 instances.
    """

    code: str
    target: str
    shown: str
    limits: tuple[float, float] = (100, 150)


CASES = {
    "graph: next instance": Case("explorers.ProximityGraphExplorer(points, labels, images, 'pca')", ".tk-top", ON_MAP),
    "walk: restart": Case("explorers.WalkPlayer(points, labels, images, 'pca')", SLIDER, ON_MAP),
    "walk: step": Case("explorers.WalkPlayer(points, labels, images, 'pca')", ".tk-top", ON_MAP, (50, 50)),
    "hardness: restart": Case("explorers.HardnessExplorer(points, labels, images)", SLIDER, IN_IMAGE),
    "false negatives: restart": Case("explorers.FalseNegativeExplorer(points, labels, images)", SLIDER, IN_IMAGE),
}


def latencies(notebook, case: Case, n_keys: int) -> np.ndarray:
    """Return milliseconds from key press to repaint, one per key, after three to warm up; there and back in turn."""
    target = notebook.output(case.target)
    if case.shown == ON_MAP:
        notebook.page.wait_for_function("() => document.querySelector('.tk-top').dataset.shown", timeout=120_000)
    notebook.wait_idle()
    keys = ["ArrowRight" if press % 12 < 6 else "ArrowLeft" for press in range(n_keys + 3)]
    if case.target == ".tk-top":
        target.press("Home")
        notebook.page.wait_for_timeout(500)
    times = []
    for key in keys:
        times.append(notebook.page.evaluate(WATCH, [target.element_handle(), key, case.shown]))
        notebook.page.wait_for_timeout(250)  # as a person would; what runs in the background may end or not
    return np.array(times[3:])


def measure(sizes: list[int], names: list[str], n_keys: int) -> Iterator[tuple[str, int, np.ndarray, int]]:
    """Yield name, instances, milliseconds and bytes of the saved picture of each case."""
    from tests.lab import Notebook, chromium, jupyter_lab

    with tempfile.TemporaryDirectory() as folder, jupyter_lab(Path(folder) / "lab") as lab, chromium() as browser:
        for n in sizes:
            for number, name in enumerate(names):
                case = CASES[name]
                saved = "len(explorer._repr_mimebundle_()['image/png'])"
                cells = [DATA.format(n=n), f"explorer = {case.code}; explorer", f"print('bytes', {saved})"]
                page = browser.new_page(viewport={"width": 1000, "height": 1000})
                notebook = Notebook(page, lab.address(lab.write(f"widgets_{n}_{number}.ipynb", cells)))
                notebook.run_all(600)
                times = latencies(notebook, case, n_keys)
                size = int(page.locator("pre:has-text('bytes')").last.text_content().split()[-1])
                notebook.assert_clean()
                page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
                page.close()
                yield name, n, times, size


def main() -> None:
    """Measure, and refresh the table in the README if all cases were measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--explorers", nargs="+", choices=CASES, default=list(CASES), metavar="NAME")
    parser.add_argument("--keys", type=int, default=N_KEYS)
    arguments = parser.parse_args()
    rows = []
    for name, n, times, size in measure(arguments.sizes, arguments.explorers, arguments.keys):
        limit = dict(zip(SIZES[1:], CASES[name].limits, strict=True)).get(n)
        median, high = np.quantile(times, [0.5, 0.95])
        target = "" if limit is None else f"<= {limit:g}"
        rows.append(f"| {name} | {n:,} | {median:.0f} | {high:.0f} | {target} | {size / 1000:.0f} |")
        print(rows[-1], flush=True)
    head = ["| key press | instances | median, ms | p95, ms | target | picture, kB |", "|---|---|---|---|---|---|"]
    machine = f"{os.cpu_count()} cores, {platform.machine()}; {arguments.keys} key presses each."
    if arguments.explorers == list(CASES) and arguments.sizes == list(SIZES):
        refresh("widgets", "\n".join([machine, "", *head, *rows]))


if __name__ == "__main__":
    main()
