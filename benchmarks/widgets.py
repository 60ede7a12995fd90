"""Time from key press or mouse to repaint in the explorers, in a real browser: JupyterLab in headless Chromium.

usage: python -m benchmarks.widgets [--sizes 60000 1000000] [--explorers NAME ...] [--repeats 25]
"""

import argparse
import os
import platform
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from benchmarks.report import refresh

SIZES = (60_000, 1_000_000)
N_REPEATS = 25
N_BURST = 20
NEW = 4, 2  # keys to the left of where a slider begins and, afterwards, to the right: values for the first time
LOOK = 2000  # ms, in which a person looks at the first picture
PAUSE = 250  # ms, as a person would; what runs in the background may end or not
DATA = """
import numpy as np
from toolkit import explorers
from toolkit.training import History
rng = np.random.default_rng(0)
labels = np.arange({n}) % 10
points = rng.normal(size=(10, {d}), scale=1).astype(np.float32)[labels]
points += rng.normal(size=({n}, {d})).astype(np.float32)
square = rng.random(({n}, 2), np.float32)
images = rng.integers(0, 256, ({n}, 28, 28), np.uint8) if {n} < 1_000_000 else None
history = History({{name: np.exp(-np.arange({n}) / {n}).tolist() for name in History().columns}})
"""
# Waits for an event, for what it changes, and for the frame that shows it: reading a pixel waits for the raster.
WATCH = """([selector, event]) => {
    const element = document.querySelector(selector), read = STATE, before = read(element);
    window.took = new Promise((done, fail) => {
        let began = null;
        const late = setTimeout(() => fail(new Error('nothing changed in 60 seconds')), 60000);
        addEventListener(event, (found) => { began = found.timeStamp; }, { capture: true, once: true });
        const observer = new MutationObserver(() => {
            if (began === null || read(element) === before) return;
            observer.disconnect();
            clearTimeout(late);
            requestAnimationFrame(() => requestAnimationFrame(() => {
                document.querySelector('.tk-top')?.getContext('2d').getImageData(0, 0, 1, 1);
                done(performance.now() - began);
            }));
        });
        observer.observe(element, { attributes: true, childList: true, characterData: true, subtree: true });
    });
}"""
# Presses keys as fast as a held key repeats, and returns when the picture last changed after the last of them.
BURST = """([target, keys, selector]) => new Promise(done => {
    const press = key => {
        const keyCode = key === 'ArrowRight' ? 39 : 37;
        const event = new KeyboardEvent('keydown', { key, code: key, keyCode, bubbles: true, cancelable: true });
        target.dispatchEvent(event);
    };
    let changed = 0;
    const observer = new MutationObserver(() => { changed = performance.now(); });
    observer.observe(document.querySelector(selector), { attributes: true });
    target.focus();
    const next = () => {
        press(keys.shift());
        if (keys.length) return setTimeout(next, 30);
        const began = performance.now();
        setTimeout(() => { observer.disconnect(); done(Math.max(changed - began, 0)); }, 1500);
    };
    next();
})"""
RUN_LAST = """() => {
    const { commands, shell } = window.jupyterapp, began = performance.now();
    const notebook = shell.currentWidget.content;
    notebook.activeCellIndex = notebook.widgets.length - 1;
    for (const old of document.querySelectorAll('.tk-top')) old.remove();
    return new Promise(done => {
        const look = () => {
            const canvas = document.querySelector('.tk-top');
            if (!canvas?.dataset.shown) return requestAnimationFrame(look);
            canvas.getContext('2d').getImageData(0, 0, 1, 1);
            requestAnimationFrame(() => done(performance.now() - began));
        };
        commands.execute('notebook:run-cell').then(() => {});
        requestAnimationFrame(look);
    });
}"""
# What changes: an element's selector, and a function of the element whose value changes with it.
ON_MAP, IN_IMAGE = (".tk-top", "node => node.dataset.shown"), ("img.tk-picture", "node => node.src")
DRAWN = (".tk-top", "() => performance.now()")  # any frame
TIP, LIST = (".tk-tip", "node => node.hidden ? '' : node.textContent"), (".tk-scroll", "node => node.textContent")
MAP = ".tk-top"


def slider(number: int) -> str:
    """Return the selector of a slider's handle."""
    return f".noUi-handle >> nth={number}"


@dataclass(frozen=True)
class Case:
    """What is done and what must change.

    Attributes
    ----------
    code : str
        Makes the explorer of `points`, `labels` and `images`.
    target : str
        Selector of what has the focus, or of what the mouse is on.
    shown : tuple of str
        Selector of what changes with the picture, and a function that returns what changes.
    limit : float
        Median in milliseconds that is not to be exceeded.
    act : str
        "keys", "new", "pan", "slide", "hover", "lasso" or "open".
    turn : int
        Presses to the right before as many to the left.
    large : bool
        Whether it is also measured with more than 60,000 instances.
    """

    code: str
    target: str
    shown: tuple[str, str]
    limit: float = 100
    act: str = "keys"
    turn: int = 6
    large: bool = False

    def keys(self, n: int) -> list[str]:
        """Return n keys to press."""
        return list(islice(cycle(["ArrowRight"] * self.turn + ["ArrowLeft"] * self.turn), n))


GRAPH = "explorers.ProximityGraphExplorer(points, labels, images, projection='pca')"
WALK = "explorers.WalkPlayer(points, labels, images, projection='pca')"
HARDNESS = "explorers.HardnessExplorer(points, labels, images)"
FALSE = "explorers.FalseNegativeExplorer(points, labels, images)"
EMBEDDING = "explorers.EmbeddingExplorer(points, labels, images, projection=square)"
CASES = {
    "graph: next instance": Case(GRAPH, MAP, ON_MAP),
    "graph: K": Case(GRAPH, slider(0), ON_MAP, 150, turn=1),
    "graph: K, new": Case(GRAPH, slider(0), ON_MAP, 150, "new"),
    "graph: M": Case(GRAPH, slider(1), ON_MAP, 150, turn=1),
    "graph: M, new": Case(GRAPH, slider(1), ON_MAP, 150, "new"),
    "walk: restart": Case(WALK, slider(0), ON_MAP),
    "walk: step": Case(WALK, MAP, ON_MAP, 50),
    "hardness: restart": Case(HARDNESS, slider(0), IN_IMAGE),
    "hardness: restart, by mouse": Case(HARDNESS, slider(0), IN_IMAGE, act="slide"),
    "hardness: K": Case(HARDNESS, slider(1), IN_IMAGE, 150, turn=1),
    "hardness: K, new": Case(HARDNESS, slider(1), IN_IMAGE, 150, "new"),
    "hardness: M": Case(HARDNESS, slider(2), IN_IMAGE, 150, turn=1),
    "hardness: M, new": Case(HARDNESS, slider(2), IN_IMAGE, 150, "new"),
    "hardness: batch size": Case(HARDNESS, slider(3), IN_IMAGE, 150, turn=1),
    "hardness: batch size, new": Case(HARDNESS, slider(3), IN_IMAGE, 150, "new"),
    "false negatives: restart": Case(FALSE, slider(0), IN_IMAGE),
    "false negatives: M": Case(FALSE, slider(2), IN_IMAGE, 150, turn=1),
    "false negatives: M, new": Case(FALSE, slider(2), IN_IMAGE, 150, "new"),
    "false negatives: batch size": Case(FALSE, slider(3), IN_IMAGE, 150, turn=1),
    "false negatives: batch size, new": Case(FALSE, slider(3), IN_IMAGE, 150, "new"),
    "dashboard: next instance": Case(
        "explorers.Dashboard(points, labels, images, history=history, projection='pca')", MAP, ON_MAP
    ),
    "training: window": Case("explorers.TrainingMonitor(history)", slider(0), IN_IMAGE),
    "map: drag": Case(EMBEDDING, MAP, DRAWN, act="pan", large=True),
    "map: hover": Case(EMBEDDING, MAP, TIP, 50, act="hover", large=True),
    "map: lasso of 10,000": Case(EMBEDDING, MAP, LIST, 200, act="lasso", large=True),
    "map: open": Case(EMBEDDING, MAP, ON_MAP, float("inf"), act="open", large=True),
}


class Hand:
    """Acts on a notebook's explorer as a person would, by real keys and a real mouse.

    Parameters
    ----------
    notebook : Notebook
    case : Case
    n : int
        Instances.
    """

    def __init__(self, notebook, case: Case, n: int) -> None:
        self.page, self.case, self.n = notebook.page, case, n
        self.target = notebook.output(case.target)
        self.number = 0

    def time(self, event: str, act: Callable[[], None]) -> float:
        """Return the milliseconds from an event that `act` brings about to the frame that shows what it changed."""
        selector, state = self.case.shown
        self.page.evaluate(WATCH.replace("STATE", state), [selector, event])
        act()
        took = self.page.evaluate("() => window.took")
        self.page.wait_for_timeout(PAUSE)
        return took

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return where a share of the target's width and height is on the page."""
        box = self.target.bounding_box()
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    def keys(self) -> float:
        """Press the next key."""
        self.target.focus()
        self.number += 1
        return self.time("keydown", lambda: self.page.keyboard.press(self.case.keys(self.number)[-1]))

    def new(self) -> float:
        """Move a slider to its next value to the left of the first, then of those to the right."""
        left, _ = NEW
        self.target.focus()
        if self.number == left:
            for _ in range(left):
                self.page.keyboard.press("ArrowRight")
            self.page.wait_for_timeout(8 * PAUSE)
        self.number += 1
        key = "ArrowLeft" if self.number <= left else "ArrowRight"
        return self.time("keydown", lambda: self.page.keyboard.press(key))

    def slide(self) -> float:
        """Drag the handle of a slider a little further, and let go of it in the end."""
        self.number += 1
        self.page.mouse.move(*self.place(0.5, 0.5))
        self.page.mouse.down()
        way = 18 if self.number % 10 < 5 else -18
        x, y = self.place(0.5, 0.5)
        took = self.time("pointermove", lambda: self.page.mouse.move(x + way, y))
        self.page.mouse.up()
        return took

    def pan(self) -> float:
        """Drag the map a little."""
        self.number += 1
        self.page.mouse.move(*self.place(0.4, 0.5))
        self.page.mouse.down()
        self.page.mouse.move(*self.place(0.42, 0.5))
        aside = self.place(0.45 if self.number % 2 else 0.35, 0.5)
        took = self.time("pointermove", lambda: self.page.mouse.move(*aside))
        self.page.mouse.up()
        return took

    def hover(self) -> float:
        """Point at another instance."""
        self.number += 1
        place = self.place(0.3 + 0.4 * (0.618 * self.number % 1), 0.3 + 0.4 * (0.414 * self.number % 1))
        return self.time("pointermove", lambda: self.page.mouse.move(*place))

    def lasso(self) -> float:
        """Draw around 10,000 instances, or all if there are fewer, and select nothing again."""
        side = min(10_000 / self.n, 1) ** 0.5 * self.target.bounding_box()["height"] / 2
        x, y = self.place(0.5, 0.5)
        self.page.keyboard.down("Shift")
        self.page.mouse.move(x - side, y - side)
        self.page.mouse.down()
        for right, down in ((1, -1), (1, 1), (-1, 1)):
            self.page.mouse.move(x + right * side, y + down * side, steps=8)
        took = self.time("pointerup", self.page.mouse.up)
        self.page.keyboard.up("Shift")
        self.target.press("Escape")
        self.page.wait_for_timeout(PAUSE)
        return took

    def open(self) -> float:
        """Run the cell of the explorer again."""
        took = self.page.evaluate(RUN_LAST)
        self.page.wait_for_timeout(4 * PAUSE)
        return took


def latencies(notebook, case: Case, n: int, n_repeats: int) -> tuple[np.ndarray, float]:
    """Return milliseconds from act to repaint, and those after a burst of keys; the first three acts warm up."""
    hand = Hand(notebook, case, n)
    if case.shown[0] == MAP:
        notebook.page.wait_for_function("() => document.querySelector('.tk-top').dataset.shown", timeout=120_000)
    notebook.wait_idle()
    notebook.page.wait_for_timeout(LOOK)
    if case.act == "keys" and case.target == MAP:
        hand.target.press("Home")
        notebook.page.wait_for_timeout(500)
    once = {"open": 3, "new": sum(NEW)}
    times = [getattr(hand, case.act)() for _ in range(once.get(case.act, n_repeats + 3))]
    if case.act != "keys":
        return np.array(times[0 if case.act in once else 3 :]), float("nan")
    keys = [hand.target.element_handle(), case.keys(N_BURST), case.shown[0]]
    bursts = [notebook.page.evaluate(BURST, keys) for _ in range(3)]
    return np.array(times[3:]), float(np.median(bursts))


def measure(sizes: list[int], names: list[str], n_repeats: int) -> Iterator[tuple]:
    """Yield name, instances, milliseconds of each act and after a burst, and bytes of the saved picture."""
    from tests.lab import Notebook, chromium, jupyter_lab

    with tempfile.TemporaryDirectory() as folder, jupyter_lab(Path(folder) / "lab") as lab, chromium() as browser:
        for n in sizes:
            for number, name in enumerate(names):
                case = CASES[name]
                if n > SIZES[0] and not case.large:
                    continue
                data = DATA.format(n=n, d=128 if n <= SIZES[0] else 16)
                cells = [data, f"explorer = {case.code}; explorer"]
                page = browser.new_page(viewport={"width": 1000, "height": 1000})
                notebook = Notebook(page, lab.address(lab.write(f"widgets_{n}_{number}.ipynb", cells)))
                notebook.run_all(600)
                times, burst = latencies(notebook, case, n, n_repeats)
                notebook.assert_clean()
                yield name, n, times, burst, saved_bytes(page)
                page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
                page.close()


def saved_bytes(page) -> int:
    """Return the size of the explorer's picture in a saved notebook."""
    return page.evaluate(
        """() => new Promise(done => {
            const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
            const future = kernel.requestExecute({ code: "print(len(explorer._repr_mimebundle_()['image/png']))" });
            let text = "";
            future.onIOPub = message => { text += message.content.text ?? ""; };
            future.done.then(() => done(Number(text)));
        })"""
    )


def main() -> None:
    """Measure, and refresh the table in the README if all cases were measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--explorers", nargs="+", choices=CASES, default=list(CASES), metavar="NAME")
    parser.add_argument("--repeats", type=int, default=N_REPEATS)
    arguments = parser.parse_args()
    rows = []
    for name, n, times, burst, size in measure(arguments.sizes, arguments.explorers, arguments.repeats):
        limit = CASES[name].limit
        median, high = np.quantile(times, [0.5, 0.95])
        target = f"<= {limit:g}" if np.isfinite(limit) else ""
        after = "" if np.isnan(burst) else f"{burst:.0f}"
        rows.append(f"| {name} | {n:,} | {median:.0f} | {high:.0f} | {target} | {after} | {size / 1000:.0f} |")
        print(rows[-1], flush=True)
    columns = ["what is done", "instances", "median, ms", "p95, ms", "target", "after a burst, ms", "picture, kB"]
    head = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    machine = f"{os.cpu_count()} cores, {platform.machine()}; {arguments.repeats} of each."
    if arguments.explorers == list(CASES) and arguments.sizes == list(SIZES):
        refresh("widgets", "\n".join([machine, "", *head, *rows]))


if __name__ == "__main__":
    main()
