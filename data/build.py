"""Build the bundled data sets, byte for byte, from packages with a free licence.

usage: python data/build.py [--check] [SET ...]     (none: all of them)

  --check   build into memory and compare with the files that are here

`fashion_mnist/` comes from Debian's package dataset-fashion-mnist, `wordnet/` from wordnet-base
(`apt-get install dataset-fashion-mnist wordnet-base`). Needs numpy; nothing is downloaded.
"""

import argparse
import gzip
import hashlib
import io
import re
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
SOURCE = Path("/usr/share/datasets/fashion-mnist")
PER_CLASS = {"train": ("train", 800), "test": ("t10k", 200)}
WORDNET = Path("/usr/share/wordnet/data.noun")
GLOSSES = 20_000
# The lexicographer files of nouns, by number; noun.Tops (03), the roots of the others, is no class.
NOUN_CLASSES = """act animal artifact attribute body cognition communication event feeling food group location motive
    object person phenomenon plant possession process quantity relation shape state substance time"""
NOUN_FILES = dict(enumerate(NOUN_CLASSES.split(), start=4))
SEED = 0


def read_idx(path: Path) -> np.ndarray:
    """Read one gzipped IDX file of unsigned bytes."""
    data = gzip.decompress(path.read_bytes())
    n_dims = data[3]
    shape = np.frombuffer(data, ">i4", count=n_dims, offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * n_dims).reshape(shape)


def stratified(labels: np.ndarray, per_class: int, rng: np.random.Generator) -> np.ndarray:
    """Draw `per_class` positions of each label, in the source's order."""
    chosen = [rng.choice(np.flatnonzero(labels == c), per_class, replace=False) for c in np.unique(labels)]
    return np.sort(np.concatenate(chosen))


def fashion_mnist() -> dict[str, bytes]:
    """Return the content of each file of `fashion_mnist/` by name."""
    if not SOURCE.is_dir():
        sys.exit(f"{SOURCE} is missing: apt-get install dataset-fashion-mnist")
    rng = np.random.default_rng(SEED)
    files = {}
    for split, (prefix, per_class) in PER_CLASS.items():
        images = read_idx(SOURCE / f"{prefix}-images-idx3-ubyte.gz")
        labels = read_idx(SOURCE / f"{prefix}-labels-idx1-ubyte.gz")
        keep = stratified(labels, per_class, rng)
        for name, array in (("images", images), ("labels", labels)):
            buffer = io.BytesIO()
            np.save(buffer, np.ascontiguousarray(array[keep]))
            files[f"{split}_{name}.npy"] = buffer.getvalue()
    return files


def definition(gloss: str) -> str:
    """Return a gloss without its quoted examples, and without semicolons and spaces that end it."""
    return re.split(r';\s*"|:\s*"|^"', gloss, maxsplit=1)[0].strip(" ;:")


def wordnet() -> dict[str, bytes]:
    """Return the content of each file of `wordnet/` by name."""
    if not WORDNET.is_file():
        sys.exit(f"{WORDNET} is missing: apt-get install wordnet-base")
    lines = {}
    for synset in WORDNET.read_text(encoding="utf-8").splitlines():
        if synset.startswith("  "):
            continue  # the licence
        entry, gloss = synset.split(" | ", 1)
        number, text = int(entry.split(" ")[1]), definition(gloss)
        if number in NOUN_FILES and len(text.split()) >= 4:
            lines.setdefault(text, f"{NOUN_FILES[number]}\t{text}\n")
    chosen = np.random.default_rng(SEED).choice(len(lines), GLOSSES, replace=False)
    rows = list(lines.values())
    return {"glosses.tsv": "".join(rows[i] for i in sorted(chosen)).encode()}


SETS = {"fashion_mnist": fashion_mnist, "wordnet": wordnet}


def main() -> None:
    """Write the files of each set, or compare them with what is here."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"of {', '.join(SETS)}")
    options = parser.parse_args()
    for chosen in options.sets or SETS:
        if chosen not in SETS:
            parser.error(f"no set {chosen!r}, only {', '.join(SETS)}")
        folder = HERE / chosen
        folder.mkdir(exist_ok=True)
        files = SETS[chosen]()
        sums = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items()]
        for name, data in {**files, "SHA256SUMS": "".join(sums).encode()}.items():
            path = folder / name
            if not options.check:
                path.write_bytes(data)
            elif not path.is_file() or path.read_bytes() != data:
                sys.exit(f"{path} differs from what this script builds")
            print(f"{hashlib.sha256(data).hexdigest()}  {path.relative_to(HERE)}")


if __name__ == "__main__":
    main()
