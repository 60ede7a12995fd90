"""Fixtures shared by the tests."""

import gc
import os
from pathlib import Path
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pytest
import torch
from hypothesis import settings

# The same examples in every run; compiling a kernel may take one of them seconds.
settings.register_profile("toolkit", derandomize=True, deadline=None)
settings.load_profile("toolkit")
mpl.use("Agg")


# Where several processes share the tests, the tests of these files run in one, which starts what they need once.
TOGETHER = {
    "browser": ("/test_browser",),
    "ranks": (
        *("integrations/test_accelerate", "integrations/test_lightning", "integrations/test_loaders"),
        *("integrations/test_losses", "integrations/test_sentence_transformers", "integrations/test_transformers"),
        *("samplers/test_distributed", "samplers/test_sharded", "training/test_monitor", "training/test_processes"),
    ),
}

# These files begin first, so that what ends last is short.
LONGEST = (
    "/test_browser",
    *TOGETHER["ranks"],
    ".ipynb",
    "test_processes.py",
    "test_stops.py",
    "test_growth.py",
    "test_texts.py",
    "test_project.py",
)


def pytest_collection_modifyitems(items):
    """Put the tests of the longest files first."""
    ranks = {item: rank for rank, name in enumerate(LONGEST) for item in items if name in item.path.as_posix()}
    items.sort(key=lambda item: ranks.get(item, len(LONGEST)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Run each file's tests in one process, so that they share fixtures; files named `TOGETHER` share one, too.

    Not by marks and `--dist loadgroup`: pytest-xdist 3.8 does not see them with pytest 9.2, and says nothing.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Files(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file = nodeid.split("::")[0]
            return next((group for group, names in TOGETHER.items() if any(name in file for name in names)), file)

    return Files(config, log)


@pytest.fixture(autouse=True)
def no_figures_left():
    """Close the figures of each test."""
    from matplotlib import pyplot as plt

    yield
    plt.close("all")


@pytest.fixture(scope="module")
def one_thread():
    """Compute with one thread: the last digits depend on their number, and tiny matrices gain nothing from more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True, scope="module")
def quick_collection():
    """Leave what was there before a file's tests, imported modules above all, out of garbage collections.

    Each collection would take a second otherwise, and some frameworks collect at every step.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def clusters():
    """5,000 points in 10 Gaussian clusters, labelled by their cluster."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(10), 500))
    centres = rng.normal(size=(10, 32))
    points = centres[labels] + rng.normal(size=(5000, 32))
    return SimpleNamespace(points=points.astype(np.float32), labels=labels)


@pytest.fixture(scope="session")
def data_root():
    """Find the folder with the real data sets, by a set's own folder in it; most machines lack them."""
    root = Path(os.environ.get("TOOLKIT_DATA") or Path.home() / ".cache" / "toolkit").expanduser()

    def find(folder):
        if not (root / folder).is_dir():
            pytest.skip(f"no {folder} under {root}: set TOOLKIT_DATA to the folder that holds it")
        return root

    return find


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """Serve an empty folder with JupyterLab (`lab.Lab`)."""
    from lab import jupyter_lab

    with jupyter_lab(tmp_path_factory.mktemp("lab") / "notebooks") as server:
        yield server


@pytest.fixture(scope="module")
def browser():
    """Start Chromium. Not once for all modules: Playwright's event loop runs as long, and asyncio allows one."""
    pytest.importorskip("playwright.sync_api")
    from lab import chromium

    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def profile(browser):
    """Keep what the browser loads, JupyterLab's own files above all, from one page to the next."""
    with browser.new_context() as context:
        yield context


@pytest.fixture
def open_notebook(lab, profile):
    """Open a notebook of the served folder by name in a page of its own (`lab.Notebook`), 1000 px wide.

    Its kernel is shared with the tests before and after, without their variables and widgets. A `plain` one is opened
    in Notebook 7 instead of JupyterLab.
    """
    from lab import Notebook

    opened = []

    def open_(name, width=1000, height=900, plain=False):
        lab.share_kernel(name)
        lab.forget_settings()
        page = profile.new_page()
        page.set_viewport_size({"width": width, "height": height})
        opened.append(Notebook(page, lab.plain_address(name) if plain else lab.address(name)))
        opened[-1].collect()
        return opened[-1]

    yield open_
    for notebook in opened:
        notebook.forget()
        notebook.page.close()
