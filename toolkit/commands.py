"""The command line: ``python -m toolkit`` with ``suggest``, ``audit``, ``train`` or ``demo``."""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist

from toolkit import _checks
from toolkit._files import demo_files
from toolkit.metrics import audit, suggest_settings
from toolkit.metrics.suggestion import TRIALS
from toolkit.reports.page import write_audit, write_suggestion
from toolkit.samplers import SAMPLERS
from toolkit.training import train
from toolkit.training.checkpoint import check_writable
from toolkit.training.presets import PRESETS, preset

_LINES = "a .npy file, or a text file with one per line"
_UNLABELLED = ("", "-1", "nan")  # lines of a text file that are no label


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit status: 2 for invalid files or numbers."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (OSError, ValueError, TypeError, IndexError) as error:
        print(f"python -m toolkit {options.command}: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m toolkit", description="Batches for contrastive training.")
    commands = parser.add_subparsers(dest="command", required=True)
    suggest = commands.add_parser("suggest", help="find a sampler and its settings for some embeddings")
    check = commands.add_parser("audit", help="report on the quality of batches")
    for command in (suggest, check):
        command.add_argument("embeddings", type=Path, help=".npy file, shape (N, d); for pairs, of the queries")
        command.add_argument(
            "--targets", type=Path, metavar="FILE", help=".npy file, shape (N, d): embeddings of the targets"
        )
        command.add_argument(
            "--labels",
            type=Path,
            metavar="FILE",
            help=f"for counting false negatives: {_LINES}; empty, -1 or nan: none",
        )
        command.add_argument("--max-false-negatives", type=float, metavar="SHARE", help="limit of the suggestion")
        command.add_argument(
            "--samplers", nargs="+", choices=tuple(TRIALS), default=tuple(TRIALS), help="to choose from (default: all)"
        )
        command.add_argument("--seed", type=int, default=0)
    suggest.add_argument("--batch-size", type=int, required=True, metavar="B")
    suggest.add_argument("--out", type=Path, metavar="FILE", help="HTML page to write")
    suggest.set_defaults(run=_suggest)
    check.add_argument("--batches", type=Path, metavar="FILE", help=".npy file, shape (n, B), or JSON list of lists")
    check.add_argument("--batch-size", type=int, metavar="B", help="for suggested batches, if there are no --batches")
    check.add_argument("--items", type=Path, metavar="FILE", help=f"texts to show in the report: {_LINES}")
    check.add_argument("--out", type=Path, default=Path("audit.html"), metavar="FILE", help="default: audit.html")
    check.set_defaults(run=_audit)
    _add_train(commands)
    demo = commands.add_parser("demo", help="open the quickstart in JupyterLab")
    demo.add_argument(
        "--folder",
        type=Path,
        default=Path("batchsampler-demo"),
        help="folder for copies of the notebooks and of the results that they read",
    )
    demo.set_defaults(run=_demo)
    return parser


def _add_train(commands) -> None:
    """Add the command that trains; under torchrun it trains in all processes."""
    command = commands.add_parser(
        "train",
        help="train on bundled data",
        description="To use several processes: python -m torch.distributed.run --nproc-per-node 2 -m toolkit train ...",
    )
    command.add_argument("--preset", choices=PRESETS, required=True)
    command.add_argument("--sampler", choices=list(SAMPLERS), default="random_walk")
    command.add_argument("--steps", type=int, metavar="N", help="default: the preset's")
    command.add_argument("--batch-size", type=int, metavar="B", help="over all processes; default: the preset's")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--workers", type=int, default=0, metavar="N", help="loader workers per process")
    command.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    command.add_argument("--checkpoint", type=Path, metavar="FILE", help="to write, and to resume from if it exists")
    command.add_argument("--history", type=Path, metavar="FILE", help="JSON file to write, for plots and the monitor")
    command.set_defaults(run=_train)


def _train(options: argparse.Namespace) -> None:
    rank = int(os.environ.get("RANK", "0"))
    seed = _checks.integer("--seed", options.seed, 0, 2**64 - 1, most=2**64 - 1)  # what torch takes
    if options.history and rank == 0:
        _check_history(options.history)
    launched = "WORLD_SIZE" in os.environ
    device = _device(options.device)
    if launched and device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    if launched:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    torch.manual_seed(seed)
    training = preset(options.preset)
    kind = SAMPLERS[options.sampler]
    settings = {name: value for name, value in training.settings.items() if kind.takes(name)}
    sampler = kind.make(
        training.dataset,
        training.batch_size if options.batch_size is None else options.batch_size,
        **settings,
        seed=seed,
    )
    model = training.model.to(device)
    history = train(
        model,
        training.dataset,
        sampler,
        training.steps if options.steps is None else options.steps,
        labels=training.labels,
        checkpoint=options.checkpoint,
        num_workers=options.workers,
    )
    if rank == 0:
        print(f"{history}\n{training.metric}: {training.evaluate(model):.4f}")
        if options.history:
            history.save(options.history)
    if launched:
        dist.destroy_process_group()


def _check_history(path: Path) -> None:
    """Raise OSError before any training unless the history can be written there."""
    if path.is_dir():
        raise IsADirectoryError(f"--history must be a file, got the folder {str(path)!r}: add a file name")
    check_writable(path, "--history")


def _demo(options: argparse.Namespace) -> None:
    """Copy the notebooks and the files that they read, except those already in the folder, and open the first."""
    for place, source in demo_files().items():
        copy = options.folder / place
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
    print(f"The notebooks are in {options.folder.resolve() / 'notebooks'}.")
    first = "--LabApp.default_url=/lab/tree/notebooks/00_quickstart.ipynb"
    root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    found = subprocess.run([sys.executable, "-m", "jupyterlab", first, *root], cwd=options.folder)
    if found.returncode:
        raise OSError(f"JupyterLab ended with status {found.returncode}; install it with: pip install jupyterlab")


def _device(name: str) -> torch.device:
    """Return the device of this name, or raise ValueError if this machine does not have it."""
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"--device must be a device of this machine, such as cpu, got {name!r} ({error})") from error
    return device


def _suggest(options: argparse.Namespace) -> None:
    found = _suggestion(options)
    print(found.reason, found.code, sep="\n")
    if options.out:
        write_suggestion(found, options.out)


def _audit(options: argparse.Namespace) -> None:
    data = _data(options)
    items = None if options.items is None else [str(item) for item in _values(options.items)]
    if options.batches is not None:
        batches = _batches(options.batches)
    elif options.batch_size is not None:
        embeddings = data["embeddings"]
        settings = {} if data["targets"] is None else {"targets": data["targets"]}
        batches = list(_suggestion(options).from_embeddings(embeddings, **settings))
    else:
        raise ValueError("either --batches or --batch-size must be given, got neither")
    found = audit(batches, **data, seed=options.seed)
    write_audit(found, options.out, items)
    print(found.summary, f"The report is in {options.out}.", sep="\n")


def _suggestion(options: argparse.Namespace):
    limits = {"max_false_negatives": options.max_false_negatives, "samplers": options.samplers, "seed": options.seed}
    return suggest_settings(**_data(options), batch_size=options.batch_size, **limits)


def _data(options: argparse.Namespace) -> dict:
    return {
        "embeddings": _array(options.embeddings),
        "targets": None if options.targets is None else _array(options.targets),
        "labels": None if options.labels is None else _labels(options.labels),
    }


def _array(path: Path) -> np.ndarray:
    """Return the array of a file, never what would have to be unpickled."""
    try:
        return np.lib.format.open_memmap(path, "r")
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{error}: give the path of a .npy file, as numpy.save writes it") from error
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path} must be a .npy file of numbers, as numpy.save writes it ({error})") from error


def _values(path: Path) -> np.ndarray:
    return np.asarray(_array(path)) if path.suffix == ".npy" else np.array(path.read_text("utf-8-sig").splitlines())


def _labels(path: Path) -> np.ndarray:
    values = _values(path)
    if path.suffix == ".npy":
        return values
    return np.array([None if text in _UNLABELLED else text for text in values], object)


def _batches(path: Path):
    if path.suffix == ".npy":
        return np.asarray(_array(path))
    try:
        return json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} must be a .npy file or JSON, a list of lists of indices ({error})") from error
