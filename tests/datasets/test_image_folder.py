"""Folders of image files."""

import shutil
import struct
import zlib

import numpy as np
import pytest
import torch
from image_checks import check_items, cut_short, empty, noise, random_pixels
from PIL import Image
from torch.utils.data import DataLoader

from toolkit.datasets import vision

pytest.importorskip("torchvision")


def write_image(path, *shape):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(random_pixels(*shape)).save(path)


@pytest.fixture
def image_root(tmp_path):
    for split, n in (("train", 3), ("val", 2)):
        for label in ("cat", "dog"):
            for i in range(n):
                write_image(tmp_path / split / label / f"{i}.png", 16, 20 + 4 * i, 3)
    return tmp_path


def test_image_folder_is_read_resized_and_cropped(image_root):
    write_image(image_root / "train" / "dog" / "grey.png", 12, 12)
    data = vision.image_folder(image_root, size=8)
    check_items(data, (3, 8, 8))
    assert data.classes == ("cat", "dog")
    assert data.train.labels.tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert (len(data.views), len(data.test)) == (7, 4)
    index, view1, _ = next(iter(DataLoader(data.views, batch_size=7)))
    assert index.tolist() == list(range(7))
    assert view1.shape == (7, 3, 8, 8)


def test_image_folder_keeps_the_middle_of_the_picture(image_root):
    bars = np.zeros((16, 48, 3), np.uint8)
    bars[:, 16:32] = (255, 128, 0)
    Image.fromarray(bars).save(image_root / "train" / "cat" / "0.png")
    image, _ = vision.image_folder(image_root, size=16).train[0]
    expected = torch.tensor([1, 128 / 255, 0]).view(3, 1, 1).expand(3, 16, 16)
    torch.testing.assert_close(image, expected)


def declare_a_gigapixel(content):
    """Write another size into the header of a PNG, with its checksum."""
    header = content[12:16] + struct.pack(">II", 40_000, 40_000) + content[24:29]
    return content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:]


@pytest.mark.parametrize("damage", [cut_short, empty, noise, declare_a_gigapixel])
def test_corrupt_image_is_named(image_root, damage):
    path = image_root / "train" / "dog" / "1.png"
    path.write_bytes(damage(path.read_bytes()))
    data = vision.image_folder(image_root, size=8)
    data.views[0]  # the others can be read
    for images in (data.views, data.train):
        with pytest.raises(RuntimeError, match="replace or remove it") as error:
            images[4]
        assert str(path) in str(error.value)


@pytest.mark.parametrize("workers", [0, 2])
def test_training_may_survive_a_corrupt_image(image_root, workers):
    path = image_root / "train" / "dog" / "1.png"
    path.write_bytes(cut_short(path.read_bytes()))
    data = vision.image_folder(image_root, size=8, corrupt="blank")
    loader = DataLoader(
        vision.IndexedPixels(data.train), 6, num_workers=workers, collate_fn=vision.IndexedPixels.collate
    )
    if workers:  # which print the warning
        index, images = next(iter(loader))
    else:
        with pytest.warns(UserWarning, match=f"{path} can't be read"):
            index, images = next(iter(loader))
    assert index.tolist() == list(range(6))
    assert (images == 128).flatten(1).all(1).tolist() == [i == 4 for i in range(6)]


def test_corrupt_images_are_treated_one_way_or_the_other(image_root):
    with pytest.raises(ValueError, match="corrupt must be one of 'raise', 'blank', got 'skip'"):
        vision.image_folder(image_root, corrupt="skip")


def test_image_folder_reads_no_image_before_it_is_asked_to(image_root, monkeypatch):
    def refuse(*arguments, **settings):
        raise AssertionError("an image was opened")

    monkeypatch.setattr(Image, "open", refuse)
    data = vision.image_folder(image_root, size=8)
    assert len(data.views) == 6
    with pytest.raises(AssertionError, match="opened"):
        data.train[0]


def test_splits_with_different_classes_are_named(image_root):
    write_image(image_root / "val" / "axolotl" / "0.png", 16, 16, 3)
    with pytest.raises(ValueError, match=r"must have the same class folders, they differ in \['axolotl'\]") as error:
        vision.image_folder(image_root)
    assert str(image_root) in str(error.value)


@pytest.mark.parametrize("missing", ["train", "val", "val/dog/0.png"])
def test_image_folder_without_images_is_named(image_root, missing):
    for path in (image_root / "val" / "dog").glob("*.png") if missing.endswith(".png") else [image_root / missing]:
        path.unlink() if path.is_file() else shutil.rmtree(path)
    with pytest.raises(FileNotFoundError, match=r"no images in class folders.*root=") as error:
        vision.image_folder(image_root)
    assert str(image_root) in str(error.value)


@pytest.mark.parametrize("size", [0, 7, 2.5, True])
def test_image_size_is_checked(image_root, size):
    with pytest.raises((ValueError, TypeError), match="size must be"):
        vision.image_folder(image_root, size=size)
