"""The doses of the study: batches from a shuffle through walks on increasingly picky graphs to nearest neighbours."""

from toolkit import KNNBatchSampler, RandomWalkBatchSampler, UniformBatchSampler
from toolkit.proximity import LinearRestart
from toolkit.samplers.registry import SAMPLERS, SamplerKind

LABELS = {
    "uniform": "shuffle",
    "published": "published schedule",
    "walk_50_1000": "walk, 50 of 1,000",
    "walk_20_2000": "walk, 20 of 2,000",
    "walk_10_5000": "walk, 10 of 5,000",
    "walk_5_20000": "walk, 5 of 20,000",
    "knn": "kNN",
    "warm_up": "shuffle, then walk",
    "easy_to_hard": "walk, easy to hard",
    "hard_to_easy": "walk, hard to easy",
}
CONSTANT = tuple(LABELS)[:7]  # those that do not change over a training
HARD = "walk_10_5000"
_EXTREMES = 0.0, 0.9  # restart probabilities of an easy and a hard batch


def doses(n: int, batch_size: int, steps: int) -> dict[str, SamplerKind]:
    """Return the samplers of a training, the easiest first; graphs and nearest neighbours are renewed twice an epoch.

    Examples
    --------
    >>> kinds = doses(20_000, 128, 800)
    >>> kinds["walk_20_2000"].make(20_000, 128).graph is None, list(kinds)[:3]
    (True, ['uniform', 'published', 'walk_50_1000'])
    """
    epoch = max(n // batch_size, 1)
    renewed = {"refresh_every": max(epoch // 2, 1)}
    easy, hard = _EXTREMES

    def walk(n_neighbors: int, n_candidates: int, restart=0.5, **settings) -> dict:
        sizes = {"n_candidates": min(n_candidates, n - 1), "n_neighbors": min(n_neighbors, n - 1)}
        fresh = 0.2 if n > n_candidates else 1.0  # small sets have no candidates to spare
        return sizes | {"restart": restart, "coverage": "partition", "fresh": fresh} | renewed | settings

    published = {"n_candidates": min(1000, n - 1), "n_neighbors": min(100, n - 1)} | renewed
    settings = {
        "uniform": {},
        "published": published | {"restart": LinearRestart(0.2, 0.05, steps)},
        "walk_50_1000": walk(50, 1000),
        "walk_20_2000": walk(20, 2000),
        "walk_10_5000": walk(10, 5000),
        "walk_5_20000": walk(5, 20_000),
        "knn": renewed,
        "warm_up": walk(10, 5000, warmup_epochs=max(round(steps / (2 * epoch)), 2)),
        "easy_to_hard": walk(10, 5000, LinearRestart(easy, hard, steps)),
        "hard_to_easy": walk(10, 5000, LinearRestart(hard, easy, steps)),
    }
    classes = {"uniform": UniformBatchSampler, "knn": KNNBatchSampler}
    colors = {name: SAMPLERS[name if name in SAMPLERS else "random_walk"].color for name in settings}
    return {
        name: SamplerKind(name, LABELS[name], colors[name], classes.get(name, RandomWalkBatchSampler), arguments)
        for name, arguments in settings.items()
    }
