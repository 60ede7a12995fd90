"""The bundled images: what they hold, and damaged files."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from image_checks import cut_short, empty, flip_a_bit, noise
from torch.utils.data import DataLoader

from toolkit import UniformBatchSampler
from toolkit.datasets import _files, vision

pytest.importorskip("torchvision")

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def bundled():
    return vision.bundled()


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A copy of the bundled files that tests may damage."""
    folder = tmp_path / "fashion_mnist"
    shutil.copytree(_files.bundled_folder() / "fashion_mnist", folder)
    monkeypatch.setattr(_files, "bundled_folder", lambda: tmp_path)
    return folder


def test_bundled_set_is_stratified(bundled):
    assert repr(bundled) == "ImageData(views=8000, train=8000, test=2000, classes=10)"
    for images, per_class in ((bundled.train, 800), (bundled.test, 200)):
        assert images.pixels.shape == (10 * per_class, 1, 28, 28)
        assert images.pixels.dtype == torch.uint8
        assert images.labels.dtype == np.int64
        assert np.bincount(images.labels).tolist() == [per_class] * 10
    assert len(bundled.classes) == 10
    assert np.array_equal(bundled.views.labels, bundled.train.labels)


def test_checksum_file_fits_the_bundled_files():
    folder = _files.bundled_folder() / "fashion_mnist"
    sums = dict(line.split()[::-1] for line in (folder / "SHA256SUMS").read_text().splitlines())
    assert sums == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.npy")}
    assert len(sums) == 4


def test_loader_over_views_gives_index_and_two_views(bundled):
    sampler = UniformBatchSampler(8000, 32, seed=0)
    loader = DataLoader(bundled.views, batch_sampler=sampler)
    index, view1, view2 = next(iter(loader))
    assert index.tolist() == next(iter(UniformBatchSampler(8000, 32, seed=0)))
    assert view1.shape == view2.shape == (32, 1, 28, 28)
    assert view1.dtype == torch.float32
    assert not torch.equal(view1, view2)


def test_views_are_of_the_image_with_their_index(bundled):
    views = vision.ImageViews(bundled.train, lambda images: images.float() / 255)
    index, view1, view2 = next(iter(DataLoader(views, batch_size=8, shuffle=True)))
    torch.testing.assert_close(view1, bundled.train.pixels[index].float() / 255)
    torch.testing.assert_close(view2, view1)


def test_loader_over_probes_gives_image_and_label(bundled):
    images, labels = next(iter(DataLoader(bundled.test, batch_size=16)))
    torch.testing.assert_close(images, bundled.test.pixels[:16].float() / 255)
    assert labels.tolist() == bundled.test.labels[:16].tolist()
    assert images.max() > 0.5, "the pictures are not empty"


def test_batches_are_the_images_in_order(bundled):
    torch.testing.assert_close(bundled.test.batch(np.array([5, 0, 3])), bundled.test.pixels[[5, 0, 3]].float() / 255)
    with pytest.raises(IndexError, match=r"indices must lie in \[0, 2000\), got 2000"):
        bundled.test.batch([1, 2000])


def test_same_files_same_data(bundled, copied):
    assert torch.equal(vision.bundled().train.pixels, bundled.train.pixels)


@pytest.mark.parametrize("name", ["train_images.npy", "test_labels.npy", "SHA256SUMS"])
def test_missing_bundled_file_is_named(copied, name):
    (copied / name).unlink()
    with pytest.raises(FileNotFoundError, match=r"reinstall the package.*git checkout") as error:
        vision.bundled()
    assert str(copied / name) in str(error.value)


@pytest.mark.parametrize(
    ("name", "damage"),
    [(name, damage) for name in ("test_images.npy", "train_labels.npy") for damage in (flip_a_bit, cut_short, empty)]
    + [("SHA256SUMS", damage) for damage in (cut_short, empty, noise)],
)
def test_damaged_bundled_file_is_named(copied, name, damage):
    path = copied / name
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"reinstall the package.*git checkout") as error:
        vision.bundled()
    assert str(path) in str(error.value)


@pytest.mark.skipif(
    not Path("/usr/share/datasets/fashion-mnist").is_dir(), reason="Debian's dataset-fashion-mnist is not installed"
)
@pytest.mark.parametrize("damaged", [None, "test_labels.npy", "SHA256SUMS"])
def test_build_reproduces_the_bundled_files(tmp_path, damaged):
    folder = shutil.copytree(REPOSITORY / "data", tmp_path / "data")
    before = {path: path.read_bytes() for path in (folder / "fashion_mnist").iterdir()}
    if damaged:
        path = folder / "fashion_mnist" / damaged
        path.write_bytes(flip_a_bit(path.read_bytes() + bytes(1001)))
    result = subprocess.run(
        [sys.executable, str(folder / "build.py"), "--check", "fashion_mnist"], capture_output=True, text=True
    )
    if damaged:
        assert result.returncode == 1
        assert f"{path} differs" in result.stderr
    else:
        assert result.returncode == 0, result.stderr
        assert {path: path.read_bytes() for path in before} == before


def test_images_and_labels_must_be_as_many():
    with pytest.raises(ValueError, match="labels"):
        vision.Images(torch.zeros(5, 1, 4, 4, dtype=torch.uint8), [0, 1, 2, 3])


def test_indexed_images_are_the_bytes(bundled):
    indexed = vision.IndexedPixels(bundled.train)
    assert len(indexed) == 8000
    index, image = indexed[7]
    assert index == 7
    assert torch.equal(image, bundled.train.pixels[7])
    indices, images = indexed.collate(indexed.__getitems__([3, 5]))
    assert indices.tolist() == [3, 5]
    assert torch.equal(images, bundled.train.pixels[[3, 5]])
