"""Files that are written completely or not at all, and the folder that holds them."""

import os
import secrets
import tempfile
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

DEMO = ("notebooks/*.ipynb", "benchmarks/results/*.csv", "docs/results.md")


def user_folder(variable: str) -> Path:
    """Return the folder that an environment variable names, by default ``~/.cache/toolkit``."""
    named = os.environ.get(variable)
    if named:
        return Path(named).expanduser()
    try:
        return Path.home() / ".cache" / "toolkit"
    except RuntimeError:  # neither HOME nor an entry of the user
        folder = Path(tempfile.gettempdir()) / "toolkit"
        warnings.warn(f"there is no home folder, so {folder} is used: set {variable} to use another one", stacklevel=3)
        return folder


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file in one move: after an error or a kill there is the old file or the new one, whole.

    `write` is called with the open file. Several processes may write the same path: the last one stays.

    Raises
    ------
    OSError
        If the disk is full or the folder is not writable. The partial file is removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{secrets.token_hex(8)}.part")  # nobody else's, and no longer than a name may be
    try:
        with open(part, "xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Wait until the folder's entries are on disk, where the system can."""
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def demo_files() -> dict[str, Path]:
    """Return the notebooks and the stored results that they read, by their place in a clone.

    They lie inside an installed package, or next to it in a clone.
    """
    package = Path(__file__).resolve().parent
    inside = package / "demo"
    root = inside if inside.is_dir() else package.parent
    found = (path for pattern in DEMO for path in sorted(root.glob(pattern)))
    return {path.relative_to(root).as_posix(): path for path in found}
