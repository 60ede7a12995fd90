"""The calls of public functions that the examples in the docstrings make, with their arguments.

So each public function is tested as soon as its docstring has an example.
"""

import copy
import dataclasses
import doctest
import importlib
import inspect
import pkgutil
import sys
import tempfile
from collections.abc import Collection
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import reduce
from types import FrameType

import toolkit
from toolkit.plots.style import styled

EXAMPLE = "<doctest "  # begins the file name of an example
DEFAULT = dataclasses._HAS_DEFAULT_FACTORY  # stands for a default in the constructor of a dataclass
INNER = {  # on the path of every batch, called by the classes next to them
    *(f"toolkit.datasets.graph_views.{name}" for name in ("random_mask", "rewire", "walk")),
    *(f"toolkit.datasets.{name}.collate" for name in ("graphs", "graphs.GraphViews", "text.Sentences")),
    "toolkit.models.graph_encoders.weighted_edges",
}
OPEN = ("toolkit.datasets", "toolkit.integrations", "toolkit.models")  # rooms whose modules users import from
STYLED = styled(print).__code__  # a drawing function is called through it


@dataclass
class Call:
    """A call that an example makes: what is called, on what, with which arguments by name."""

    name: str
    function: object
    arguments: dict
    owner: object = None
    signature: inspect.Signature = field(init=False)

    def __post_init__(self):
        self.signature = inspect.signature(self.function)

    def run(self, changed: dict):
        """Call it with some arguments changed, on copies of all others."""
        owner, arguments = copied((self.owner, {**self.arguments, **changed}))
        function = self.function if owner is None else getattr(owner, self.function.__name__)
        bound = inspect.BoundArguments(self.signature, dict(arguments))
        return function(*bound.args, **bound.kwargs)


def record(without: Collection[str] = ()) -> dict[str, Call]:
    """Run all examples; return one call for each public function that they call directly.

    Those of the functions named in `without` are left out.
    """
    calls: dict[str, Call] = {}
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner(verbose=False)
    for module in modules():
        for example in (example for example in finder.find(module) if example.name not in without):
            with kept_folders(), traced(lambda frame: note(calls, frame)):
                runner.run(example, out=lambda text: None, clear_globs=False)
    return calls


def modules() -> list:
    """Return all modules of the toolkit."""
    names = [info.name for info in pkgutil.walk_packages(toolkit.__path__, "toolkit.")]
    return [importlib.import_module(name) for name in names if name != "toolkit.__main__"]  # which would run


@contextmanager
def kept_folders():
    """Keep temporary folders, from which a call is to read again."""
    cleanup = tempfile.TemporaryDirectory.cleanup
    tempfile.TemporaryDirectory.cleanup = lambda self: self._finalizer.detach()
    try:
        yield
    finally:
        tempfile.TemporaryDirectory.cleanup = cleanup


@contextmanager
def traced(on_call):
    """Have `on_call` look at the frame of each call."""
    sys.settrace(lambda frame, event, argument: on_call(frame))  # returns None: the lines of the call aren't traced
    try:
        yield
    finally:
        sys.settrace(None)


def note(calls: dict[str, Call], frame: FrameType) -> None:
    """Add the call of a frame, if an example makes it and it is the first of its kind."""
    caller = frame.f_back
    if caller is not None and caller.f_code is STYLED:
        caller = caller.f_back
    if caller is None or not caller.f_code.co_filename.startswith(EXAMPLE):
        return
    values = {name: value for name, value in frame.f_locals.items() if value is not DEFAULT}
    name = frame.f_code.co_name
    owner = values.pop("self", None) if name != "__init__" else None
    made = type(values.pop("self")) if name == "__init__" else values.pop("cls", None)
    if isinstance(made, type):
        path, function = f"{made.__module__}.{made.__qualname__}", made if name == "__init__" else getattr(made, name)
    elif owner is not None:
        path, function = f"{type(owner).__module__}.{type(owner).__qualname__}", getattr(owner, name, None)
    else:
        path = frame.f_globals.get("__name__", "")
        function = reduce(getattr_or_none, frame.f_code.co_qualname.split("."), sys.modules.get(path))
    if not path.startswith("toolkit.") or not callable(function) or (name.startswith("_") and name != "__init__"):
        return
    full = path if name == "__init__" else f"{path}.{name}"
    if full not in calls and is_public(path, full):
        calls[full] = Call(full, function, *copied((values, owner)))


def is_public(module: str, name: str) -> bool:
    """Return whether something is for users: named in `__all__` of its room, or in a module that users import from."""
    if name in INNER:
        return False
    room = ".".join(module.split(".")[:2])
    exported = getattr(sys.modules[room], "__all__", ())
    return room in OPEN or any(part in exported for part in name.split("."))


def copied(things):
    """Return a copy, or the things themselves where one of them, such as a widget, can't be copied."""
    try:
        return copy.deepcopy(things)
    except Exception:
        return things


def getattr_or_none(thing, name: str):
    """Return an attribute, or None."""
    return getattr(thing, name, None)
