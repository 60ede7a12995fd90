"""The command line: ``python -m toolkit suggest`` and ``python -m toolkit audit``."""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from toolkit.metrics import audit, suggest_settings
from toolkit.reports.page import write_audit, write_suggestion

_LINES = "a .npy file, or a text file with one per line"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit status: 2 for files or numbers that don't fit."""
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
    suggest = commands.add_parser("suggest", help="find the sampler's settings for some embeddings")
    check = commands.add_parser("audit", help="report what batches are like")
    for command in (suggest, check):
        command.add_argument("embeddings", type=Path, help=".npy file, shape (N, d); of pairs, those of the queries")
        command.add_argument(
            "--targets", type=Path, metavar="FILE", help=".npy file, shape (N, d): the queries' targets"
        )
        command.add_argument("--labels", type=Path, metavar="FILE", help=f"to count false negatives by: {_LINES}")
        command.add_argument("--max-false-negatives", type=float, metavar="SHARE", help="limit of the suggested walk")
        command.add_argument("--seed", type=int, default=0)
    suggest.add_argument("--batch-size", type=int, required=True, metavar="B")
    suggest.add_argument("--out", type=Path, metavar="FILE", help="HTML page to write")
    suggest.set_defaults(run=_suggest)
    check.add_argument("--batches", type=Path, metavar="FILE", help=".npy file, shape (n, B), or JSON list of lists")
    check.add_argument("--batch-size", type=int, metavar="B", help="without --batches: of the suggested walk's batches")
    check.add_argument("--items", type=Path, metavar="FILE", help=f"texts to show in the report: {_LINES}")
    check.add_argument("--out", type=Path, default=Path("audit.html"), metavar="FILE", help="default: audit.html")
    check.set_defaults(run=_audit)
    return parser


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
    limits = {"max_false_negatives": options.max_false_negatives, "seed": options.seed}
    return suggest_settings(**_data(options), batch_size=options.batch_size, **limits)


def _data(options: argparse.Namespace) -> dict:
    return {
        "embeddings": _array(options.embeddings),
        "targets": None if options.targets is None else _array(options.targets),
        "labels": None if options.labels is None else _values(options.labels),
    }


def _array(path: Path) -> np.ndarray:
    """Return the array of a file, never what would have to be unpickled."""
    try:
        return np.load(path, allow_pickle=False, mmap_mode="r")
    except FileNotFoundError:
        raise
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path} must be a .npy file of numbers, as numpy.save writes it ({error})") from error


def _values(path: Path) -> np.ndarray:
    return np.asarray(_array(path)) if path.suffix == ".npy" else np.array(path.read_text("utf-8").splitlines())


def _batches(path: Path):
    if path.suffix == ".npy":
        return np.asarray(_array(path))
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} must be a .npy file or JSON, a list of lists of indices ({error})") from error
