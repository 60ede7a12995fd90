"""Checkpoint files, which are written completely or not at all, and rejected with a reason if they do not fit."""

import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from toolkit._files import write_whole

MAKER = "batchsampler-toolkit"
FORMAT = f"{MAKER} 4"
PARTS = {
    *("format", "model", "optimizer", "scheduler", "sampler"),
    *("rng", "cuda_rng", "columns", "measured", "last_seen"),
}
_NOT_COMPARED = {"params", "foreach", "fused", "capturable", "differentiable"}  # how an optimizer computes, not what
_FOLDER = 0x10  # with this attribute, torch takes a record for a folder and silently leaves its tensor unread


def write(path: Path, state: dict) -> None:
    """Write a checkpoint completely or not at all; raise OSError if this fails."""
    write_whole(path, lambda file: _save({"format": FORMAT, **_without_numpy(state)}, file))


def _without_numpy(value):
    """Return a state with Python's numbers in place of NumPy's, such as a learning rate, which `load` would refuse."""
    if isinstance(value, np.generic):
        return value.item()
    if type(value) is dict:
        return {_without_numpy(key): _without_numpy(each) for key, each in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(_without_numpy, value))
    return value


def _save(state: dict, file: BinaryIO) -> None:
    try:
        torch.save(state, file)
    except RuntimeError as error:
        # torch reports the position of its writer; the reason, such as a full disk, is in the context.
        raise error.__context__ if isinstance(error.__context__, OSError) else error from None


def check_writable(path: Path, name: str = "checkpoint") -> None:
    """Raise OSError, about the argument `name`, unless a file can be written there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            path.stat()  # raises for names that no file can have
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".part"):
            pass
    except (OSError, ValueError) as error:
        raise OSError(f"{name} must be a file that can be written, got {str(path)!r}: {error}") from error


def load(path: Path) -> dict:
    """Read a file of `torch.save`, tensors and plain values only, or raise if it is damaged."""
    # torch itself does not check the checksums.
    with zipfile.ZipFile(path) as archive:
        folders = (info.filename for info in archive.infolist() if info.external_attr & _FOLDER)
        damaged = archive.testzip() or next(folders, None)
    if damaged is not None:
        raise ValueError(f"its record {damaged!r} is not as it was written")
    return torch.load(path, map_location="cpu", weights_only=True)


def settings_of(optimizer: torch.optim.Optimizer) -> dict:
    """Return the class of an optimizer and the settings of its groups, as numbers, texts and tuples."""
    return {"class": type(optimizer).__name__, "groups": list(map(_settings, optimizer.param_groups))}


def read(path: Path, model: dict, optimizer: dict, scheduler: dict | None, optimizer_settings: dict) -> dict:
    """Read a checkpoint, or raise unless it fits the states of this model, optimizer and scheduler."""
    try:
        state = load(path)
        version = dict(state)["format"]
        if not version.startswith(MAKER) or (version == FORMAT and not state.keys() >= PARTS):
            raise KeyError("format")
    except Exception as error:  # unpickling damaged bytes raises all kinds of errors
        raise ValueError(f"checkpoint is damaged or was not written by this toolkit: {remedy(path)}") from error
    fault = _difference(state, model, scheduler) or _optimizer_difference(state, optimizer, optimizer_settings)
    if fault:
        raise ValueError(f"checkpoint {fault}; {remedy(path)}")
    return state


def _difference(state: dict, model: dict, scheduler: dict | None) -> str:
    """Return how a checkpoint differs from these states, or an empty string if it fits."""
    if state["format"] != FORMAT:
        if _number(state["format"]) > _number(FORMAT):
            return f"was written by a newer version of this toolkit (its format is {state['format']!r}): update it"
        return f"was written by another version of this toolkit: its format is {state['format']!r}, not {FORMAT!r}"
    for name in sorted(model.keys() | state["model"].keys()):
        theirs, ours = (tuple(side[name].shape) if name in side else "absent" for side in (state["model"], model))
        if theirs != ours:
            return f"is of another model: its {name} is {theirs}, this one's {ours}"
    if (state["scheduler"] is None) != (scheduler is None):
        return f"is of another run: it was written with{'out' if scheduler else ''} a scheduler"
    if scheduler is not None and state["scheduler"].keys() != scheduler.keys():
        theirs, ours = sorted(state["scheduler"]), sorted(scheduler)
        return f"is of another scheduler: its settings are {theirs}, not {ours}"
    return ""


def _optimizer_difference(state: dict, optimizer: dict, settings: dict) -> str:
    """Return how a checkpoint's optimizer differs from this one, or an empty string if a run can go on with it.

    Its settings may be those with which the run began, or those it has now: schedules and some optimizers change them.
    """
    began = state.get("optimizer_settings", settings)  # earlier versions did not store them
    if began["class"] != settings["class"]:
        return f"is of another optimizer: its class is {began['class']}, this one's {settings['class']}"
    theirs, ours = map(_groups, (state["optimizer"], optimizer))
    if theirs != ours:
        return f"is of another optimizer: its groups are {theirs}, not {ours}"
    now = map(_settings, state["optimizer"]["param_groups"])
    for number, (first, last, ours) in enumerate(zip(began["groups"], now, settings["groups"], strict=True)):
        for name in sorted(ours):
            if ours[name] not in (first[name], last[name]):
                place = f" in group {number}" if number else ""
                return f"is of another optimizer: its {name} is {first[name]}{place}, this one's {ours[name]}"
    return ""


def _settings(group: dict) -> dict:
    return {name: _plain(value) for name, value in group.items() if name not in _NOT_COMPARED}


def _plain(value):
    """Return a setting as a number, a text or a tuple of them, to compare, print and store."""
    if isinstance(value, (Tensor, np.generic)):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return tuple(map(_plain, value))
    return value if value is None or isinstance(value, (bool, int, float, str)) else repr(value)


def _number(version: str) -> int:
    """Return the number at the end of a format's name; 0 if there is none."""
    number = version.removeprefix(MAKER).strip()
    return int(number) if number.isdecimal() else 0


def remedy(path: Path) -> str:
    """Return the advice for a checkpoint that can't be used."""
    return f"delete it to start again, or give another path as checkpoint (got {str(path)!r})"


def _groups(optimizer: dict) -> list[tuple[int, list[str]]]:
    """Return the number of parameters and the names of the settings of each group in an optimizer's state."""
    return [(len(group["params"]), sorted(group.keys() - {"params"})) for group in optimizer["param_groups"]]
