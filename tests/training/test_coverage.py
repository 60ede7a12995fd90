"""The share of the data seen in the last steps, kept up to date instead of counted again."""

import numpy as np
import pytest

from toolkit.training.coverage import RunningCoverage


def counted(batches, n, width):
    """Return the coverage after each batch, counted from scratch."""
    shares = [
        len({i for batch in batches[max(0, end - width) : end] for i in batch}) / n for end in range(len(batches) + 1)
    ]
    return shares[1:]


def make_batches(n, size, count, replace=False):
    rng = np.random.default_rng(0)
    return [rng.choice(n, size, replace=replace) for _ in range(count)]


@pytest.mark.parametrize(("n", "width"), [(20, 1), (20, 5), (50, 9), (7, 3)])
@pytest.mark.parametrize("repeated", [False, True], ids=["distinct", "repeated within a batch"])
def test_coverage_is_that_of_a_count_from_scratch(n, width, repeated):
    coverage, batches = RunningCoverage(n, width), make_batches(n, 4, 60, repeated)
    assert [coverage.add(batch) for batch in batches] == counted(batches, n, width)


@pytest.mark.parametrize("step", [0, 1, 4, 5, 6, 30])
def test_coverage_goes_on_from_the_last_steps_of_the_instances(step):
    n, width = 30, 5
    first, batches = RunningCoverage(n, width), make_batches(n, 4, 60)
    for batch in batches[:step]:
        first.add(batch)
    second = RunningCoverage(n, width)
    second.load(first.last_seen.copy(), step)
    assert [second.add(batch) for batch in batches[step:]] == counted(batches, n, width)[step:]
