"""Sizes of the notebooks' runs, in one place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from toolkit.samplers import Budget


@dataclass(frozen=True)
class Preset:
    """Settings of one training run; the random walk chooses its own.

    Those of `QUICKSTART` were tried with uniform batches on a part of the training images set aside; none was chosen on
    test images. Those of `MOLECULES` are GraphCL's.
    """

    width: int
    batch_size: int
    steps: int
    learning_rate: float
    temperature: float
    seeds: tuple[int, ...]


QUICKSTART = Preset(
    width=16,
    batch_size=128,
    steps=186,
    learning_rate=1e-3,
    temperature=0.2,
    seeds=(0, 1, 2),
)


@dataclass(frozen=True)
class VisionPreset:
    """Settings of the comparison on image data sets; the random walk chooses its own.

    Temperature and learning rate were tried with uniform batches on training images set aside.
    """

    encoder: str
    batch_size: int
    steps: int
    learning_rate: float
    temperature: float
    crop: float
    refresh_every: int = 100
    weight_decay: float = 1e-4
    precision: str = "float32"
    labelled: int = 5000  # training images that the linear probe is fitted to
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)


VISION = {
    "cpu-minute": VisionPreset("tiny", 256, 600, 1e-3, 0.2, 0.2),
    "cpu-hour": VisionPreset("small", 256, 8_000, 1e-3, 0.2, 0.2),
    "gpu": VisionPreset("resnet18", 512, 20_000, 1e-3, 0.2, 0.2, precision="bfloat16"),
    # A pair of runs on CIFAR-10 takes at most 4 minutes on an H100: a step has 1,024 views of 3.3 GFLOP, 0.1 s at 33
    # TFLOP/s (4 % of what bfloat16 products reach there); 900 steps take 90 s, and 30 s are left for the probes.
    "device": VisionPreset("resnet18", 512, 900, 1e-3, 0.2, 0.2, precision="bfloat16", seeds=tuple(range(20))),
    "notebook": VisionPreset("tiny", 128, 124, 1e-3, 0.2, 0.2, seeds=(0, 1)),
}


@dataclass(frozen=True)
class GraphRun:
    """Settings of one model on graphs, the defaults of its authors' code."""

    epochs: int
    batch_size: int
    learning_rate: float
    width: int
    n_layers: int


@dataclass(frozen=True)
class GraphPreset:
    """Settings of the comparison on graph data sets; `steps` by default follow from the epochs."""

    graphcl: GraphRun = GraphRun(epochs=20, batch_size=128, learning_rate=0.01, width=32, n_layers=3)
    mvgrl: GraphRun = GraphRun(epochs=40, batch_size=64, learning_rate=0.001, width=512, n_layers=4)
    steps: int | None = None
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)


MOLECULES = Preset(
    width=32,
    batch_size=64,
    steps=120,
    learning_rate=0.01,
    temperature=0.2,
    seeds=(0,),
)

GRAPHS = {
    "cpu-hour": GraphPreset(),
    "cpu-minute": GraphPreset(
        GraphRun(epochs=5, batch_size=128, learning_rate=0.01, width=32, n_layers=3),
        GraphRun(epochs=2, batch_size=64, learning_rate=0.001, width=64, n_layers=2),
        seeds=(0, 1),
    ),
}


@dataclass(frozen=True)
class LanguagePreset:
    """Settings of the comparison on sentences, and of the language notebook.

    The encoder has random weights, or is a given one (`encoder`), and the results say which. The model's settings were
    tried on STS-Benchmark's dev pairs, with uniform batches only; the random walk chooses its own.
    """

    encoder: str | None
    n_layers: int
    width: int
    positions: bool
    pooling: str
    n_sentences: int
    max_length: int
    batch_size: int
    steps: int
    learning_rate: float
    dropout: float = 0.1
    temperature: float = 0.05
    refresh_every: int = 100
    precision: str = "float32"
    seeds: tuple[int, ...] = (0, 1, 2)


_SMALL = {
    "encoder": None,
    "n_layers": 1,
    "width": 128,
    "positions": False,
    "pooling": "mean",
    "max_length": 16,
    "batch_size": 64,
    "learning_rate": 1e-3,
}

LANGUAGE = {
    "cpu-hour": LanguagePreset(n_sentences=50_000, steps=2_343, **_SMALL),
    "cpu-minute": LanguagePreset(n_sentences=20_000, steps=312, **_SMALL),
    "gpu": LanguagePreset(
        encoder="bert-base-uncased",
        n_layers=12,
        width=768,
        positions=True,
        pooling="cls",
        n_sentences=1_000_000,
        max_length=32,
        batch_size=64,
        steps=15_625,
        learning_rate=3e-5,
        precision="bfloat16",
    ),
}


@dataclass(frozen=True)
class RetrievalPreset:
    """One stage of the comparison on pairs: the settings tried, the choice compared, or the map over batch sizes.

    `steps` is by batch size. Without `temperatures` and `rates`, each sampler has those of `CHOSEN`. Only the stage
    "compare" looks at test queries, and has a curve over development queries. `pairs` is the number of training pairs,
    by default all.
    """

    sets: tuple[str, ...]
    samplers: tuple[str, ...]
    batch_sizes: tuple[int, ...]
    steps: Mapping[int, int]
    seeds: tuple[int, ...]
    temperatures: tuple[float, ...] = ()
    rates: tuple[float, ...] = ()
    pairs: int | None = None


CURVE = {"every": 1000, "queries": 1000}
_FOUR = ("uniform", "knn", "published_walk", "random_walk")

RETRIEVAL = {
    "compare": RetrievalPreset(
        sets=("dictionary", "code"), samplers=_FOUR, batch_sizes=(32,), steps={32: 12_000}, seeds=tuple(range(10))
    ),
    "tune": RetrievalPreset(
        sets=("dictionary", "code"),
        samplers=_FOUR,
        batch_sizes=(32,),
        steps={32: 12_000},
        seeds=(0,),
        temperatures=(0.05, 0.1, 0.2, 0.3),
        rates=(0.001, 0.003, 0.01),
    ),
    # An epoch, the first of them uniform, has 4,600 steps of 8 and 72 of 512.
    "map": RetrievalPreset(
        sets=("dictionary", "hypernyms"),
        samplers=(
            *("uniform", "walk_100_1000", "walk_20_2000", "walk_10_5000", "uniform_groups", "walk_10_5000_groups"),
            *("walk_10_5000_skip", "walk_10_5000_margin"),
        ),
        batch_sizes=(8, 32, 128, 512),
        steps={8: 12_000, 32: 5_000, 128: 2_000, 512: 800},
        seeds=(0, 1, 2, 3, 4),
        temperatures=(0.2,),
        rates=(0.003,),
        pairs=37_000,
    ),
}

# Temperature and learning rate by data set and model, then sampler; those not named have uniform's. They were tuned
# with batches of 32, except where a key has another size.
CHOSEN = {
    ("dictionary", "static"): {"uniform": (0.2, 0.001), "random_walk": (0.2, 0.003), "published_walk": (0.1, 0.003)},
    ("dictionary", "static", 128): {"uniform": (0.1, 0.003)},
    ("hypernyms", "static"): {"uniform": (0.2, 0.001)},
    ("code", "static"): {"uniform": (0.1, 0.001), "random_walk": (0.2, 0.001), "knn": (0.2, 0.003)},
    ("code", "static", 128): {"uniform": (0.1, 0.003)},
}
CHOSEN |= {(name, "minilm"): {"uniform": (0.05, 0.0001)} for name in ("dictionary", "hypernyms", "code")}
CHOSEN |= {(name, "minilm_trained"): {"uniform": (0.05, 2e-5)} for name in ("dictionary", "hypernyms", "code")}


def picky(n_neighbors: int, n_candidates: int, **rules) -> dict:
    """Return the settings of a walk on a picky graph: each pair once an epoch, rebuilt every 1,000 batches."""
    settings = {"restart": 0.5, "coverage": "partition", "refresh_every": 1000, "fresh": 0.2}
    return {"n_candidates": n_candidates, "n_neighbors": n_neighbors, **settings, **rules}


PAIR_SAMPLERS = {"random_walk": picky(10, 5000), "knn": {"refresh_every": 1000}}
# Further settings of the walk, each a sampler of its own in the results.
PAIR_WALKS = {
    "published_walk": {"n_candidates": 1000, "n_neighbors": 100, "restart": 0.2, "refresh_every": 100},
    "walk_100_1000": picky(100, 1000),
    "walk_20_2000": picky(20, 2000),
    "walk_10_5000": picky(10, 5000),
    "walk_10_5000_groups": picky(10, 5000),
    "walk_10_5000_skip": picky(10, 5000, skip=3),
    "walk_10_5000_margin": picky(10, 5000, margin=0.95),
}


def rival_trials(batch_size: int, cluster_sizes: Sequence[int]) -> dict[str, dict[str, dict]]:
    """Return the trials of every published way to choose batches: the published or usual settings and two others.

    All plan again after 32,000 pairs, except the last three, whose plans take up to minutes: once an epoch of the
    dictionary.
    """
    often, once = ({"refresh_every": pairs // batch_size} for pairs in (32_000, 74_060))
    whole, quarter = batch_size, batch_size // 4
    return {
        "uniform": {"uniform": {}},
        "random_walk": {
            f"walk_{k}_{candidates}": picky(k, candidates, **often)
            for k, candidates in ((10, 5000), (20, 2000), (50, 1000))
        },
        "knn": {f"knn_{skip}": often | {"skip": skip} for skip in (0, 30, 100)},
        "cluster": {f"cluster_{size}": often | {"cluster_size": size} for size in cluster_sizes},
        "chain": {f"chain_{size}": often | {"n_candidates": size} for size in (1920, 640, 7680)},
        "neighborhood": {
            f"neighborhood_{batch_size}": once | {"n_candidates": batch_size},
            f"neighborhood_{4 * batch_size}": once | {"n_candidates": 4 * batch_size},
            f"neighborhood_{batch_size}_30": once | {"n_candidates": batch_size, "skip": 30},
        },
        "bandwidth": {f"bandwidth_{k}": once | {"n_neighbors": k} for k in (100, 30, 10)},
        "graph_partition": {
            f"graph_partition_{skip}_{size}": once | {"n_neighbors": 100, "skip": skip, "cluster_size": size}
            for skip, size in ((30, whole), (0, whole), (30, quarter))
        },
    }


RIVALS = {32: rival_trials(32, (32, 16, 8)), 128: rival_trials(128, (128, 32, 8))}
RETRIEVAL["rivals"] = RetrievalPreset(
    sets=("dictionary", "code"),
    samplers=tuple(dict.fromkeys(name for kinds in RIVALS.values() for trials in kinds.values() for name in trials)),
    batch_sizes=(32, 128),
    steps={32: 6000, 128: 1500},
    seeds=tuple(range(11)),  # the first chooses among the trials, on development queries
)


@dataclass(frozen=True, eq=False)
class PerMember(Budget):
    """A budget of false negatives for each member of a batch, besides those of a shuffle."""

    number: float = 0.0

    def limits(self, prior: float, batch_size: int, paired: bool) -> tuple[float, float]:
        """Return the largest false-negative rate, and no limit of hardness."""
        return prior + (1 - prior) * min(self.number / (batch_size - 1), 1), 1.0


BUDGETS = {"budget_1": 1, "budget_3": 3, "budget_10": 10}
RETRIEVAL["budget"] = replace(RETRIEVAL["rivals"], samplers=("uniform", *BUDGETS), seeds=(0, 1, 2))


def budget_walk(name: str, batch_size: int) -> dict:
    """Return the settings of a walk with one of the budgets, which plans again as often as the other samplers."""
    walk = picky(100, 5000, refresh_every=32_000 // batch_size)
    return walk | {"restart": PerMember(number=BUDGETS[name])}
