"""Parts of pretrained models, from a folder or from the hub."""

from pathlib import Path


def from_pretrained(kind, name: str | Path, **settings):
    """Return ``kind.from_pretrained(name)``, `kind` one of transformers' Auto classes.

    Raises
    ------
    FileNotFoundError
        If `name` is neither a folder with a model nor a model that the hub or its cache has.
    """
    folder = Path(name).expanduser()
    looks_like_a_path = isinstance(name, Path) or str(name).startswith((".", "/", "~")) or str(name).count("/") > 1
    if looks_like_a_path and not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}: give one that holds a transformers model, or a name on the hub")
    try:
        return kind.from_pretrained(str(folder) if folder.is_dir() else str(name), **settings)
    except (OSError, ValueError) as error:
        raise FileNotFoundError(
            f"{str(name)!r} is neither a folder with a transformers model nor a model on the hub or in its cache: "
            f"{error}"
        ) from error
