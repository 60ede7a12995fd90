"""Where data is: the user's folder of data sets, and the bundled files."""

import hashlib
import io
import re
from pathlib import Path

import numpy as np
import torch

from toolkit._files import user_folder


def data_root(root: str | Path | None = None) -> Path:
    """Return `root`, else the folder that the variable ``TOOLKIT_DATA`` names, else ``~/.cache/toolkit``."""
    return Path(root).expanduser() if root else user_folder("TOOLKIT_DATA")


def bundled_file(folder: str, name: str) -> bytes:
    """Return the content of a bundled file, or raise if it is missing or not the one that was built."""
    path = bundled_folder() / folder / name
    sums = _read(path.with_name("SHA256SUMS")).decode(errors="replace")
    digests = {name: digest for digest, name in re.findall(r"^([0-9a-f]{64})  (\S+)$", sums, re.MULTILINE)}
    data = _read(path)
    if hashlib.sha256(data).hexdigest() != digests.get(name):
        raise ValueError(
            f"{path} is damaged, its SHA-256 is not that of {path.with_name('SHA256SUMS')}: reinstall the package, "
            "or in a clone run `git checkout -- data`"
        )
    return data


def bundled_array(folder: str, name: str) -> torch.Tensor:
    """Return the array in a bundled file of NumPy's format."""
    return torch.from_numpy(np.load(io.BytesIO(bundled_file(folder, name))))


def bundled_folder() -> Path:
    """Return the folder of bundled data: inside an installed package, or next to it in a clone."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "bundled"
    return inside if inside.is_dir() else package.parent / "data"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"bundled data file {path} is missing: reinstall the package, or in a clone run `git checkout -- data`"
        ) from error
