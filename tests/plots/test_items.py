"""Everything that users give as items: images in any form, sentences, data sets."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset, IterableDataset, Subset

from toolkit.plots.items import read, to_rgb
from toolkit.plots.thumbnails import Thumbnails

ARRAYS = [np.random.default_rng(i).integers(0, 256, (6, 5 + i, 3), np.uint8) for i in range(3)]
PICTURES = [Image.fromarray(array) for array in ARRAYS]
SENTENCES = ["A man is playing a flute.", "A dog runs.", "鱼在水里游泳"]


class Items(Dataset):
    """A map-style data set that counts what is read."""

    def __init__(self, make):
        self.make, self.reads = make, []

    def __len__(self):
        return 3

    def __getitem__(self, index):
        if not 0 <= index < 3:
            raise IndexError(index)
        self.reads.append(index)
        return self.make(index)


class Stream(IterableDataset):
    def __iter__(self):
        yield from ARRAYS


@pytest.fixture
def files(tmp_path):
    for i, picture in enumerate(PICTURES):
        picture.save(tmp_path / f"{i}.png")
    return [tmp_path / f"{i}.png" for i in range(3)]


IMAGES = {
    "PIL": lambda files: PICTURES,
    "tuple": lambda files: tuple(PICTURES),
    "paths": lambda files: files,
    "series of paths": lambda files: pd.Series(files, index=[5, 0, 9]),
    "series of PIL": lambda files: pd.Series(PICTURES, index=[2, 1, 0]),
    "arrays": lambda files: ARRAYS,
    "tensors": lambda files: [torch.from_numpy(array).movedim(-1, 0) for array in ARRAYS],
    "floats": lambda files: [torch.from_numpy(array) / 255 for array in ARRAYS],
    "object array": lambda files: np.array([*files, None], dtype=object)[:3],
    "data set": lambda files: Items(lambda i: PICTURES[i]),
    "image, label": lambda files: Items(lambda i: (PICTURES[i], i)),
    "index, views": lambda files: Items(lambda i: (i, torch.from_numpy(ARRAYS[i]), torch.zeros(6, 6), torch.tensor(i))),
    "dict": lambda files: Items(lambda i: {"label": i, "caption": "a fish", "image": PICTURES[i]}),
    "subset": lambda files: Subset(Items(lambda i: (PICTURES[i], i)), [0, 1, 2]),
}


@pytest.mark.parametrize("make", IMAGES.values(), ids=IMAGES)
def test_images_in_any_form_are_the_same_pictures(make, files):
    thumbnails = Thumbnails(make(files))
    assert repr(thumbnails) == "Thumbnails(image, n=3)"
    for index, array in enumerate(ARRAYS):
        np.testing.assert_array_equal(thumbnails._item(index), array)
        assert thumbnails.pixels(index).shape == (64, 64, 3)


TEXTS = {
    "list": SENTENCES,
    "array": np.array(SENTENCES),
    "StringDType": np.array(SENTENCES, dtype=np.dtypes.StringDType()),
    "series": pd.Series(SENTENCES, index=[2, 1, 0]),
    "object series": pd.Series(SENTENCES, dtype=object),
    "categories": pd.Series(SENTENCES, dtype="category"),
    "sentence, label": Items(lambda i: (SENTENCES[i], i)),
}


@pytest.mark.parametrize("items", TEXTS.values(), ids=TEXTS)
def test_sentences_in_any_form_are_the_same_words(items):
    thumbnails = Thumbnails(items, 3)
    assert thumbnails.kind == "text"
    assert [thumbnails.text(index) for index in range(3)] == SENTENCES
    assert {type(thumbnails.text(index)) for index in range(3)} <= {str, np.str_}


def test_torchvision_data_sets_are_taken():
    datasets = pytest.importorskip("torchvision.datasets")
    data = datasets.FakeData(4, (3, 8, 8), num_classes=2)
    thumbnails = Thumbnails(data)
    assert repr(thumbnails) == "Thumbnails(image, n=4)"
    np.testing.assert_array_equal(thumbnails._item(2), np.asarray(data[2][0]))


def test_items_are_read_when_they_are_shown():
    data = Items(lambda i: (PICTURES[i], i))
    thumbnails = Thumbnails(data)
    assert data.reads == [0], "one tells the kind"
    thumbnails.png(2)
    thumbnails.png(2)
    assert data.reads == [0, 2]


def test_pictures_are_shown_as_they_are_and_white_where_transparent():
    grey = Image.fromarray(np.array([[0, 200]], np.uint8))
    _, item, _ = read([grey, Image.new("RGBA", (1, 1), (0, 0, 0, 0)), Image.new("P", (1, 1))])
    assert item(0).tolist() == [[[0, 0, 0], [200, 200, 200]]]
    assert item(1).tolist() == [[[255, 255, 255]]]
    assert item(2).shape == (1, 1, 3)
    _, item, _ = read([np.array([[0, 200]], np.uint8)])
    np.testing.assert_array_equal(item(0), to_rgb(np.array([[0, 200]], np.uint8)))


@pytest.mark.parametrize(
    ("items", "exception", "message"),
    [
        ([], ValueError, "items must hold one item per instance, got an empty list"),
        ([1, 2], TypeError, r"items must be images .*, strings, or a function .*, got list of int"),
        (pd.Series([0.5, 1]), TypeError, "got Series of float64"),
        (pd.DataFrame({"a": [1, 2]}), TypeError, "got DataFrame of ndarray"),
        (np.arange(4), TypeError, "got ndarray of int64"),
        (iter(PICTURES), TypeError, "got list_iterator"),
        (Stream(), TypeError, "got Stream"),
        (dict(enumerate(PICTURES)), TypeError, "got dict"),
        (["a", None], TypeError, "items must all be strings as the first one is, got NoneType at index 1"),
        (["a", "b", PICTURES[0]], TypeError, "must all be strings .* at index 2"),
        ([PICTURES[0], "a.png"], TypeError, "items must all be images as the first one is, got str at index 1"),
        (pd.Series(["a", None]), TypeError, "must all be strings .* at index 1"),
        (b"bytes", TypeError, "got a single bytes"),
    ],
)
def test_what_is_not_taken_is_named(items, exception, message):
    with pytest.raises(exception, match=message):
        read(items)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (np.full((4, 4), 2.5), r"items\[1\] must lie in \[0, 1\] to be float images, got values from 2.5 to 2.5"),
        (torch.zeros(4, 4, 4), r"items\[1\] must have shape \(H, W\), .* with 1 or 3 channels .* got \(4, 4, 4\)"),
        (np.zeros((4, 4), int), r"items\[1\] must be uint8 or float to be images, got dtype int64"),
    ],
)
def test_an_image_that_is_none_is_named_when_it_is_shown(item, message):
    thumbnails = Thumbnails([ARRAYS[0], item])
    thumbnails.png(0)
    with pytest.raises((ValueError, TypeError), match=message):
        thumbnails.png(1)


@pytest.mark.parametrize("content", [None, b"not an image"])
def test_a_file_that_cannot_be_read_is_named(files, content):
    files[1].unlink()
    if content is not None:
        files[1].write_bytes(content)
    message = rf"items\[1\] must be an image file, got {re.escape(repr(str(files[1])))}: "
    with pytest.raises(ValueError, match=message):
        Thumbnails(files).png(1)


@pytest.mark.parametrize(
    ("mode", "kind", "most"), [("I;16", np.uint16, 65535), ("I", np.int32, 65535), ("F", np.float32, 1)]
)
def test_pictures_of_16_bits_and_of_floats_keep_their_greys(tmp_path, mode, kind, most):
    ramp = np.linspace(0, 1, 256).reshape(16, 16)
    picture = Image.fromarray((ramp * most).astype(kind))
    assert picture.mode == mode
    items = [picture]
    if mode == "I;16":
        picture.save(tmp_path / "deep.png")
        items.append(tmp_path / "deep.png")
    for i in range(len(items)):
        pixels = read(items)[1](i)
        assert pixels.dtype == np.uint8
        assert np.abs(pixels - np.arange(256).reshape(16, 16, 1)).max() <= 1
