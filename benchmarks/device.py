"""Run one of the steps of `benchmarks/device.sh`, which need a CUDA device.

usage: python -m benchmarks.device {name,engine,share,cells,pairs,table} [--help]

name      print the name of the device
engine    the proximity graph over its bare matrix product, on the device
share     the sampler's share of SimCLR's training time
cells     runs of the image comparison that are not finished yet, in pairs of uniform and random-walk batches
pairs     the same of all-MiniLM, trained as a whole on docstrings and their code
table     write what is in results/device_engine.csv and device_share.csv into the README

Without a CUDA device a step ends with an error, unless the environment variable DEVICE is "cpu".
"""

import argparse
import csv
import os
import platform
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks import modality, report, retrieval, vision
from benchmarks.engine import DIM, IMAGENET, K, M
from benchmarks.modality import RESULTS, sampler_settings
from benchmarks.presets import CHOSEN, VISION, VisionPreset
from benchmarks.retrieval_models import MODELS
from benchmarks.vision import DEVICE
from toolkit import ProximityGraph
from toolkit.datasets import pairs
from toolkit.datasets.image_views import simclr_augmentation
from toolkit.datasets.vision import Images, IndexedPixels
from toolkit.engine import device as on_device
from toolkit.models import SimCLR
from toolkit.samplers.registry import SAMPLERS
from toolkit.training.comparison import Comparison, Task, compare
from toolkit.training.loop import train

PAIR = ("uniform", "random_walk")
PRESET = VISION["device"]


def name() -> str:
    """Return the name of the device, or end the program where there is none."""
    if DEVICE == "cuda":
        return torch.cuda.get_device_name()
    if os.environ.get("DEVICE") != "cpu":
        sys.exit("no CUDA device: PyTorch sees none; set DEVICE=cpu to try the steps without one")
    return f"CPU ({platform.machine()}, {torch.get_num_threads()} threads)"


def synchronize() -> None:
    """Wait until the device has done its work."""
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def peak_gib(reset: bool = False) -> float:
    """Return the peak of the device's memory in GiB, NaN on a CPU, or forget it."""
    if DEVICE == "cpu":
        return float("nan")
    if reset:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    return torch.cuda.max_memory_allocated() / 2**30


def write_rows(path: Path, works: list[Callable[[], dict]]) -> bool:
    """Write one row of figures for each work, print the fault of a work that fails; return whether none did."""
    path.unlink(missing_ok=True)
    faults = 0
    for work in works:
        try:
            row = {"device": name(), "torch": torch.__version__} | work()
        except Exception:  # whatever it is, the other works still run
            faults += 1
            traceback.print_exc()
            continue
        print(row)
        with open(path, "a", newline="") as file:
            writer = csv.DictWriter(file, row)
            if file.tell() == 0:
                writer.writeheader()
            writer.writerow(row)
    return not faults


def bare_product(n: int) -> None:
    """Multiply as many numbers as a graph takes, in blocks as large as the graph's, and do nothing with them."""
    height, width = M // 2, M + 1
    n_blocks = -(-n // height)
    at_once = min(n_blocks, max(1, on_device._SCORES // (height * width)))
    rows, candidates = (torch.ones(at_once, size, DIM, device=DEVICE) for size in (height, width))
    for start in range(0, n_blocks, at_once):
        torch.bmm(rows[: n_blocks - start], candidates[: n_blocks - start].transpose(1, 2))
    synchronize()


def graph_figures(n: int, repeats: int) -> dict:
    """Compare a graph of n embeddings on the device with its bare matrix product."""
    points = torch.randn(n, DIM, generator=torch.Generator(DEVICE).manual_seed(0), device=DEVICE)
    peak_gib(reset=True)

    def build() -> None:
        ProximityGraph.build(points, n_candidates=M, n_neighbors=K)
        synchronize()

    times = report.interleaved(build, lambda: bare_product(n), repeats=repeats)
    ratios = times[0] / times[1]
    seconds = dict(zip(("graph_seconds", "product_seconds"), np.median(times, 1), strict=True))
    spread = {"graph_over_matmul": np.median(ratios), "low": ratios.min(), "high": ratios.max()}
    sizes = {"n": n, "dim": DIM, "n_candidates": M, "n_neighbors": K, "repeats": repeats}
    return sizes | seconds | spread | {"peak_gib": peak_gib()}


def share_figures(sampler: str, preset: VisionPreset, n: int, steps: int) -> dict:
    """Train SimCLR on n random images for two epochs and `steps` steps; return figures of the latter."""
    torch.manual_seed(0)
    pixels = torch.randint(0, 256, (n, 3, 32, 32), dtype=torch.uint8)
    batches = SAMPLERS[sampler].make(
        n, preset.batch_size, **sampler_settings(refresh_every=preset.refresh_every)[sampler]
    )
    model = SimCLR(preset.encoder, 3, temperature=preset.temperature).to(DEVICE)
    settings = {"augmentation": simclr_augmentation(), "precision": preset.precision, "progress": False}
    peak_gib(reset=True)
    warm_up = 2 * len(batches)  # the first epoch is uniform, in the second the walk's loops are compiled
    frame = train(model, IndexedPixels(Images(pixels, None)), batches, warm_up + steps, **settings).to_frame()
    frame = frame.iloc[warm_up:]
    return {
        "sampler": sampler,
        "encoder": preset.encoder,
        "precision": preset.precision,
        "n": n,
        "batch_size": preset.batch_size,
        "steps": steps,
        "sampler_share": frame.sampler_seconds.sum() / frame.seconds.sum(),
        "median_step_seconds": frame.seconds.median(),
        "views_per_second": 2 * preset.batch_size * steps / frame.seconds.sum(),
        "peak_gib": peak_gib(),
    }


def image_set() -> str:
    """Return "cifar10", or "bundled" where CIFAR-10 is not in the folder of the data, and say so."""
    try:
        vision.SETS["cifar10"](None)
    except FileNotFoundError as error:
        print(f"the bundled images are used, because {error}")
        return "bundled"
    return "cifar10"


def unfinished(out: Path, set_name: str, seeds) -> Iterator[int]:
    """Yield the seeds without a whole pair of runs on one device, whichever it is."""
    whole = set()
    if out.exists():
        runs = Comparison.read(out).to_frame()
        for (seed, _), pair in runs[runs["set"] == set_name].groupby(["seed", "settings"]):
            if set(PAIR) <= set(pair.sampler):
                whole.add(seed)
    yield from (seed for seed in seeds if seed not in whole)


def image_task(preset: VisionPreset) -> Task:
    """Return the image comparison's task."""
    return vision.make_task(image_set(), "simclr", preset, None)


def pair_task(source: list[str] | None, batch_size: int, steps: int) -> Task:
    """Return the task of all-MiniLM on the code of some packages, by default of all that `pairs.code` finds."""
    kind = MODELS["minilm_trained"]
    data = kind.load(partial(pairs.code, source, limit=None), "code", None)
    cell = retrieval.Cell("code", "minilm_trained", "device", batch_size, steps)
    choice = dict.fromkeys(PAIR, CHOSEN["code", "minilm_trained"]["uniform"])
    return retrieval.make_task(cell, data, choice, retrieval.describe(cell, data, choice))


def run_cells(out: Path, task: Task, seeds, precision: str, seconds: float) -> bool:
    """Run pairs of unfinished cells as long as there is time for one more; return whether none failed.

    The first pair begins in any case. The file of results is copied from `benchmarks/results` if it is not there.
    """
    began, longest, faults = time.monotonic(), 0.0, 0
    if not out.exists() and (RESULTS / out.name).exists():
        shutil.copy(RESULTS / out.name, out)
    task = replace(
        task,
        settings=f"{task.settings}, {precision} on {name()}",
        training={**task.training, "precision": precision},
    )
    with tempfile.TemporaryDirectory() as folder:  # checkpoints are too large to be copied from the machine
        work = Path(folder) / out.name
        if out.exists():
            shutil.copy(out, work)
        for seed in unfinished(out, task.name, seeds):
            start = time.monotonic()
            if start - began + longest > seconds:
                break
            try:
                for sampler in PAIR:
                    row = compare(task, [sampler], seeds=[seed], out=work, progress=False).to_frame().iloc[0]
                    print(f"seed {seed}, {sampler}: {row.value:.4f} in {row.seconds:.0f} s of training")
                    shutil.copy(work, out)
            except Exception:  # the other seeds may do
                faults += 1
                traceback.print_exc()
            longest = max(longest, time.monotonic() - start)
    return not faults


def table(folder: Path = RESULTS) -> str:
    """Return the engine's figures and the sampler's share as Markdown."""
    engine, share = (pd.read_csv(folder / f"device_{name}.csv") for name in ("engine", "share"))
    graphs = {
        "device": engine.device,
        "instances": engine.n.map("{:,}".format),
        "graph (s)": engine.graph_seconds.map("{:.2f}".format),
        "its matrix product (s)": engine.product_seconds.map("{:.3f}".format),
        "peak (GiB)": engine.peak_gib.map("{:.1f}".format),
    }
    shares = {
        "device": share.device,
        "sampler": share.sampler.map(modality.sampler_name),
        "sampler's share": share.sampler_share.map("{:.1%}".format),
        "step (ms)": share.median_step_seconds.map(lambda seconds: f"{1000 * seconds:.0f}"),
        "views per second": share.views_per_second.map("{:,.0f}".format),
        "peak (GiB)": share.peak_gib.map("{:.1f}".format),
    }
    first = share.iloc[0]
    return (
        f"Graph of float32 rows (d = {DIM}, M = {M:,}, K = {K}):\n\n{report.markdown(pd.DataFrame(graphs))}\n\n"
        f"SimCLR, {first.encoder}, {first.precision}, {first.n:,} images, B = {first.batch_size}:\n\n"
        f"{report.markdown(pd.DataFrame(shares))}"
    )


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line, or end the program with a message."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.device", description=__doc__.partition("\n")[0])
    steps = parser.add_subparsers(dest="step", required=True)
    for name in ("name", "table"):
        steps.add_parser(name)
    engine, share, cells, code = (steps.add_parser(step) for step in ("engine", "share", "cells", "pairs"))
    for step in (engine, share, cells, code):
        step.add_argument("--out", type=Path, metavar="FILE", required=True, help="CSV of the results")
    engine.add_argument("--sizes", type=int, nargs="+", metavar="N", default=[IMAGENET, 10_000_000])
    engine.add_argument("--repeats", type=int, default=3)
    share.add_argument("--samplers", nargs="+", choices=tuple(SAMPLERS), default=["random_walk"])
    share.add_argument("--size", type=int, metavar="N", default=50_000, help="number of images")
    for step, count in ((share, 200), (cells, PRESET.steps)):
        step.add_argument("--steps", type=int, default=count)
        step.add_argument("--encoder", default=PRESET.encoder)
        step.add_argument("--batch-size", type=int, default=PRESET.batch_size)
    cells.add_argument("--labelled", type=int, default=PRESET.labelled, help="images of the linear probe")
    code.add_argument("--source", nargs="+", metavar="NAME", help="packages (default: all that are there)")
    # A guess, never run on a GPU: a step of 64 pairs takes 20 ms, a pair of runs with its two tests 2 minutes.
    code.add_argument("--steps", type=int, default=2000)
    code.add_argument("--batch-size", type=int, default=64)
    for step in (cells, code):
        step.add_argument("--seeds", type=int, nargs="+", default=PRESET.seeds)
        step.add_argument("--seconds", type=float, default=float("inf"), help="time for all pairs")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Run a step; exit with 1 if a part of it failed."""
    options = parse(arguments)
    if options.step == "name":
        print(name())
    elif options.step == "table":
        report.refresh("device", table())
    elif options.step == "engine":
        works = [lambda n=n: graph_figures(n, options.repeats) for n in options.sizes]
        sys.exit(not write_rows(options.out, works))
    elif options.step == "pairs":
        task = pair_task(options.source, options.batch_size, options.steps)
        precision = "bfloat16" if DEVICE == "cuda" else "float32"
        sys.exit(not run_cells(options.out, task, options.seeds, precision, options.seconds))
    else:
        preset = replace(PRESET, encoder=options.encoder, batch_size=options.batch_size, steps=options.steps)
        if options.step == "share":
            works = [lambda s=s: share_figures(s, preset, options.size, options.steps) for s in options.samplers]
            sys.exit(not write_rows(options.out, works))
        task = image_task(replace(preset, labelled=options.labelled))
        sys.exit(not run_cells(options.out, task, options.seeds, preset.precision, options.seconds))


if __name__ == "__main__":
    main()
