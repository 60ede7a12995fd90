"""Odd arguments to all public functions, one at a time, and what became of each call.

``python -m argument_trials N SEED [quick]`` prints one JSON line a call, of N drawn at random, 0 being all. It runs
in a separate process, because a call might crash the interpreter.
"""

import json
import re
import signal
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass, is_dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
import torch
from hostile_values import forms
from matplotlib import pyplot as plt
from public_calls import Call, record

LIMIT = 60  # seconds for a call
QUICK = 0.3  # seconds that a call takes at most to be tried in a quick run
HEAVY = {  # examples that take seconds
    *("toolkit.datasets.pairs.bundled", "toolkit.datasets.text", "toolkit.datasets.code_pairs.code"),
    *("toolkit.training.comparison.compare", "toolkit.models.simcse.SimCSE", "toolkit.explorers.dashboard.Dashboard"),
    *("toolkit.evaluation.svm.svm_accuracy", "toolkit.evaluation.svm.linear_fold_accuracy"),
    *("toolkit.integrations.sentence_transformers.SentenceBatches", "toolkit.integrations.transformers.SamplerTrainer"),
    *("toolkit.datasets.graph_views.GraphAugmentation", "toolkit.explorers.graph_batch.GraphBatchExplorer"),
}
FUNCTIONS = {"augmentation", "items", "target_items", "probe"}  # what a function there raises is its own
FOREIGN = {"args", "trial", "resume_from_checkpoint"}  # of transformers' own trainer, which judges them itself
DATA = (bool, int, float, str, np.ndarray, np.generic, torch.Tensor, list, tuple, type(None))  # not what has methods
ERRORS = (
    TypeError,
    ValueError,
    IndexError,
    FileNotFoundError,
)  # that any function may raise, as the package's docstring says


@dataclass
class Outcome:
    """What became of a call: right, refused or accepted; wrong, unclear or endless."""

    function: str
    argument: str
    passed: str
    outcome: str
    detail: str = ""


class TooLong(BaseException):
    """A call took too long."""


class Trials:
    """Calls with their right results, which are computed when they are first needed."""

    def __init__(self, quick: bool) -> None:
        self.quick, self.calls = quick, record(HEAVY if quick else ())
        self.results, self.seconds = {}, {}

    def all(self) -> list[tuple]:
        """Return all trials there are: a call, an argument, what is passed, whether it is worth the same."""
        return [
            (call, argument, *form)
            for call in self.calls.values()
            for argument, value in call.arguments.items()
            if isinstance(value, DATA) and not (argument in FOREIGN and "SamplerTrainer" in call.name)
            for form in forms(value)
        ]

    def run(self, number: int, seed: int) -> Iterator[Outcome]:
        """Yield the outcomes of a number of trials, or of all."""
        every = self.all()
        tried = 0
        for i in np.random.default_rng(seed).permutation(len(every)):
            outcome = self.attempt(*every[i])
            if outcome is not None:
                yield outcome
                tried += 1
                if tried == number:
                    return

    def attempt(self, call: Call, argument: str, passed: str, make, same: bool) -> Outcome | None:
        """Make a call; None if the value can't be made, or the call is too slow for a quick run."""
        right = self.right(call)
        if self.quick and self.seconds[call.name] > QUICK:
            return None
        try:
            value = make()
        except Exception:
            return None
        if callable(value) and argument in FUNCTIONS:
            return None
        told = Outcome(call.name, argument, passed, "accepted")
        try:
            result = called(call, {argument: value})
        except TooLong:  # the default may be a lot of work, and a thousand times as many steps are
            meant = value is call.signature.parameters[argument].default or passed == "a thousand times"
            told.outcome = "accepted" if meant else "endless"
        except Exception as error:
            told.outcome, told.detail = judged(call, argument, error), f"{type(error).__name__}: {error}"[:300]
        else:
            # Some results are random: then they can't be wrong.
            if same and (agrees(result, right) or not agrees(called(call, {}), right)):
                told.outcome = "right"
            elif same:
                told.outcome, told.detail = "wrong", f"{result!r}, not {right!r}"[:300]
        return told

    def right(self, call: Call):
        """Return the result of a call as the example makes it."""
        if call.name not in self.results:
            begun = time.perf_counter()
            self.results[call.name] = called(call, {})
            self.seconds[call.name] = time.perf_counter() - begun
        return self.results[call.name]


def called(call: Call, changed: dict):
    """Make a call from the same random state, within the time allowed."""
    signal.alarm(LIMIT)
    try:
        torch.manual_seed(0)
        return call.run(changed)
    finally:
        signal.alarm(0)
        plt.close("all")


def judged(call: Call, argument: str, error: Exception) -> str:
    """Return "refused" if the error is one that is documented, and names the argument; else "unclear"."""
    documented = (call.function.__doc__ or "").partition("Raises\n")[2]
    kinds = [kind.__name__ for kind in type(error).__mro__]
    expected = isinstance(error, ERRORS) or any(re.search(rf"\b{kind}\b", documented) for kind in kinds)
    # Where two arguments don't fit each other, either may be named.
    more = [each.name for each in call.signature.parameters.values() if each.kind is each.VAR_KEYWORD]
    settings = {name for each in more for name in call.arguments.get(each, ())}
    names = rf"\b({'|'.join(sorted({*call.arguments, *settings, argument}))})\b"
    named = isinstance(error, FileNotFoundError) or re.search(names, str(error))
    return "refused" if expected and named else "unclear"


def agrees(found, right) -> bool:
    """Return whether two results are the same; of objects without values, whether they are of one type."""
    if isinstance(right, (torch.Tensor, np.ndarray, float, int, np.generic)):
        found, right = (np.asarray(x.detach() if isinstance(x, torch.Tensor) else x) for x in (found, right))
        if found.shape != right.shape:
            return False
        if right.dtype.kind in "fc":
            return bool(np.allclose(found, right, rtol=1e-4, atol=1e-5, equal_nan=True))
        return bool(np.array_equal(found, right))
    if isinstance(right, pd.DataFrame):
        return right.shape == found.shape and all(agrees(found[c].to_numpy(), right[c].to_numpy()) for c in right)
    if isinstance(right, (list, tuple)):
        return len(found) == len(right) and all(map(agrees, found, right))
    if isinstance(right, dict):
        return found.keys() == right.keys() and all(agrees(found[key], right[key]) for key in right)
    if is_dataclass(right):
        return agrees(vars(found), vars(right))
    return type(found) is type(right)


def too_long(number, frame):
    """Stop a call."""
    raise TooLong


def main(number: int, seed: int, quick: bool) -> None:
    """Print the outcomes; what is tried goes to the error stream, where a crash leaves it as the last line."""
    mpl.use("Agg")
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, too_long)
    printed, sys.stdout = sys.stdout, sys.stderr  # some calls print
    trials = Trials(quick)
    print(f"{len(trials.calls)} functions, {len(trials.all())} trials", file=sys.stderr)
    for outcome in trials.run(number, seed):
        print(json.dumps(asdict(outcome)), file=printed, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), "quick" in sys.argv[3:])
