"""Key press to repaint of the explorers, and the end of a burst, in a real browser: JupyterLab in headless Chromium.

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
N_BURST = 20
DATA = """
import numpy as np
from toolkit import explorers
from toolkit.training import History
rng = np.random.default_rng(0)
labels = np.arange({n}) % 10
points = (rng.normal(size=(10, 128))[labels] + rng.normal(size=({n}, 128))).astype(np.float32)
images = rng.integers(0, 256, ({n}, 28, 28), np.uint8)
history = History({{name: np.exp(-np.arange({n}) / {n}).tolist() for name in History().columns}})
"""
PRESS = """const press = key => {
    const keyCode = key === 'ArrowRight' ? 39 : 37;
    target.dispatchEvent(new KeyboardEvent('keydown', { key, code: key, keyCode, bubbles: true, cancelable: true }));
};"""
# Presses a key and waits for what it changes, then for the frame that shows it: reading a pixel waits for the raster.
WATCH = """([target, key, selector, attribute]) => new Promise((done, fail) => {
    PRESS
    const late = setTimeout(() => fail(new Error('nothing changed in 30 seconds')), 30000);
    const element = document.querySelector(selector), before = element.getAttribute(attribute);
    const observer = new MutationObserver(() => {
        if (element.getAttribute(attribute) === before) return;
        observer.disconnect();
        clearTimeout(late);
        requestAnimationFrame(() => requestAnimationFrame(() => {
            document.querySelector('.tk-top')?.getContext('2d').getImageData(0, 0, 1, 1);
            done(performance.now() - began);
        }));
    });
    observer.observe(element, { attributes: true, attributeFilter: [attribute] });
    const began = performance.now();
    target.focus();
    press(key);
})""".replace("PRESS", PRESS)
# Presses keys as fast as a held key repeats, and returns when the picture last changed after the last of them.
BURST = """([target, keys, selector, attribute]) => new Promise(done => {
    PRESS
    let changed = 0;
    const observer = new MutationObserver(() => { changed = performance.now(); });
    observer.observe(document.querySelector(selector), { attributes: true, attributeFilter: [attribute] });
    target.focus();
    const next = () => {
        press(keys.shift());
        if (keys.length) return setTimeout(next, 30);
        const began = performance.now();
        setTimeout(() => { observer.disconnect(); done(Math.max(changed - began, 0)); }, 1500);
    };
    next();
})""".replace("PRESS", PRESS)
ON_MAP, IN_IMAGE = (".tk-top", "data-shown"), ("img.tk-picture", "src")
SLIDER, SECOND_SLIDER = (f".noUi-handle >> nth={i}" for i in range(2))


@dataclass(frozen=True)
class Case:
    """What is pressed and what must change.

    Attributes
    ----------
    code : str
        Makes the explorer of `points`, `labels` and `images`.
    target : str
        Selector of what has the focus.
    shown : tuple of str
        Selector and attribute that change with the picture.
    limits : tuple of float
        Median in milliseconds that is not to be exceeded, at 10,000 and at 60,000 instances.
    turn : int
        Presses to the right before as many to the left.
    """

    code: str
    target: str
    shown: tuple[str, str]
    limits: tuple[float, float] = (100, 150)
    turn: int = 6

    def keys(self, n: int) -> list[str]:
        """Return n keys to press."""
        return ["ArrowRight" if press % (2 * self.turn) < self.turn else "ArrowLeft" for press in range(n)]


CASES = {
    "graph: next instance": Case(
        "explorers.ProximityGraphExplorer(points, labels, images, projection='pca')", ".tk-top", ON_MAP
    ),
    "walk: restart": Case("explorers.WalkPlayer(points, labels, images, projection='pca')", SLIDER, ON_MAP),
    "walk: step": Case("explorers.WalkPlayer(points, labels, images, projection='pca')", ".tk-top", ON_MAP, (50, 50)),
    "hardness: restart": Case("explorers.HardnessExplorer(points, labels, images)", SLIDER, IN_IMAGE),
    "hardness: K": Case("explorers.HardnessExplorer(points, labels, images)", SECOND_SLIDER, IN_IMAGE, turn=1),
    "false negatives: restart": Case("explorers.FalseNegativeExplorer(points, labels, images)", SLIDER, IN_IMAGE),
    "dashboard: next instance": Case(
        "explorers.Dashboard(points, labels, images, history=history, projection='pca')", ".tk-top", ON_MAP
    ),
    "training: window": Case("explorers.TrainingMonitor(history)", SLIDER, IN_IMAGE),
}


def latencies(notebook, case: Case, n_keys: int) -> tuple[np.ndarray, float]:
    """Return milliseconds from key press to repaint, one per key, after three to warm up, and those after a burst."""
    target = notebook.output(case.target)
    if case.shown == ON_MAP:
        notebook.page.wait_for_function("() => document.querySelector('.tk-top').dataset.shown", timeout=120_000)
    notebook.wait_idle()
    if case.target == ".tk-top":
        target.press("Home")
        notebook.page.wait_for_timeout(500)
    times = []
    for key in case.keys(n_keys + 3):
        times.append(notebook.page.evaluate(WATCH, [target.element_handle(), key, *case.shown]))
        notebook.page.wait_for_timeout(250)  # as a person would; what runs in the background may end or not
    bursts = [
        notebook.page.evaluate(BURST, [target.element_handle(), case.keys(N_BURST), *case.shown]) for _ in range(3)
    ]
    return np.array(times[3:]), float(np.median(bursts))


def measure(sizes: list[int], names: list[str], n_keys: int) -> Iterator[tuple]:
    """Yield name, instances, milliseconds of each key and after a burst, and bytes of the saved picture."""
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
                times, burst = latencies(notebook, case, n_keys)
                size = int(page.locator("pre:has-text('bytes')").last.text_content().split()[-1])
                notebook.assert_clean()
                page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
                page.close()
                yield name, n, times, burst, size


def main() -> None:
    """Measure, and refresh the table in the README if all cases were measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--explorers", nargs="+", choices=CASES, default=list(CASES), metavar="NAME")
    parser.add_argument("--keys", type=int, default=N_KEYS)
    arguments = parser.parse_args()
    rows = []
    for name, n, times, burst, size in measure(arguments.sizes, arguments.explorers, arguments.keys):
        limit = dict(zip(SIZES[1:], CASES[name].limits, strict=True)).get(n)
        median, high = np.quantile(times, [0.5, 0.95])
        target = "" if limit is None else f"<= {limit:g}"
        rows.append(f"| {name} | {n:,} | {median:.0f} | {high:.0f} | {target} | {burst:.0f} | {size / 1000:.0f} |")
        print(rows[-1], flush=True)
    columns = ["key press", "instances", "median, ms", "p95, ms", "target", "after a burst, ms", "picture, kB"]
    head = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    machine = f"{os.cpu_count()} cores, {platform.machine()}; {arguments.keys} key presses each."
    if arguments.explorers == list(CASES) and arguments.sizes == list(SIZES):
        refresh("widgets", "\n".join([machine, "", *head, *rows]))


if __name__ == "__main__":
    main()
