"""Image data sets: the bundled one, tiny files in the formats of the others, and the real ones where they are."""

import hashlib
import pickle
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from toolkit import UniformBatchSampler
from toolkit.datasets import _files, vision

pytest.importorskip("torchvision")

REPOSITORY = Path(__file__).resolve().parents[2]
RNG = np.random.default_rng(0)


def random_pixels(*shape):
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def check_items(data, shape):
    """Assert that a data set gives (index, view1, view2) and (image, label) in its three roles."""
    index, view1, view2 = data.views[1]
    assert index == 1
    assert view1.shape == view2.shape == shape
    assert view1.dtype == view2.dtype == torch.float32
    assert not torch.equal(view1, view2)
    for images in (data.train, data.test):
        image, label = images[1]
        assert image.shape == shape
        assert 0 <= image.min() <= image.max() <= 1
        assert label == images.labels[1]


# The bundled set


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


def test_same_files_same_data(bundled, copied):
    assert torch.equal(vision.bundled().train.pixels, bundled.train.pixels)


@pytest.mark.parametrize("name", ["train_images.npy", "test_labels.npy", "SHA256SUMS"])
def test_missing_bundled_file_is_named(copied, name):
    (copied / name).unlink()
    with pytest.raises(FileNotFoundError, match=r"reinstall the package.*git checkout") as error:
        vision.bundled()
    assert str(copied / name) in str(error.value)


def flip_a_bit(data):
    return data[:1000] + bytes([data[1000] ^ 1]) + data[1001:]


def cut_short(data):
    return data[: len(data) // 2]


def empty(data):
    return b""


def noise(data):
    return np.random.default_rng(0).bytes(200)


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


# Sets that torchvision reads, as tiny files in their real formats

FASHION_FILES = {"train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")}
FASHION_FILES["test"] = tuple(name.replace("train", "t10k") for name in FASHION_FILES["train"])


CIFAR10_CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def idx_bytes(array):
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def fashion_root(tmp_path):
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for n, (images, labels) in zip((6, 4), FASHION_FILES.values(), strict=True):
        (raw / images).write_bytes(idx_bytes(random_pixels(n, 28, 28)))
        (raw / labels).write_bytes(idx_bytes(np.arange(n, dtype=np.uint8)))
    return tmp_path


@pytest.fixture
def cifar10_root(tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for i, name in enumerate([*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]):
        content = {"data": random_pixels(2, 3072), "labels": [i % 10, 9]}
        (folder / name).write_bytes(pickle.dumps(content))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": CIFAR10_CLASSES}))
    return tmp_path


@pytest.fixture
def cifar100_root(tmp_path):
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    for name, n in (("train", 5), ("test", 3)):
        content = {"data": random_pixels(n, 3072), "fine_labels": list(range(90, 90 + n)), "coarse_labels": [0] * n}
        (folder / name).write_bytes(pickle.dumps(content))
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": [f"class {i}" for i in range(100)]}))
    return tmp_path


@pytest.fixture
def stl10_root(tmp_path):
    folder = tmp_path / "stl10_binary"
    folder.mkdir()
    for name, n in (("train", 4), ("test", 3), ("unlabeled", 5)):
        (folder / f"{name}_X.bin").write_bytes(random_pixels(n, 3, 96, 96).tobytes())
        if name != "unlabeled":
            (folder / f"{name}_y.bin").write_bytes(np.arange(1, n + 1, dtype=np.uint8).tobytes())
    (folder / "class_names.txt").write_text("airplane\nbird\ncar\n")
    return tmp_path


@pytest.fixture
def no_checksums(monkeypatch):
    """Let torchvision take files that are not the published ones, so long as they are there."""
    from torchvision.datasets import cifar, stl10

    for module in (cifar, stl10):
        monkeypatch.setattr(module, "check_integrity", lambda path, md5=None: Path(path).is_file())


def test_fashion_mnist_from_raw_files(fashion_root):
    data = vision.fashion_mnist(fashion_root)
    check_items(data, (1, 28, 28))
    assert (len(data.train), len(data.test), len(data.views)) == (6, 4, 6)
    raw = (fashion_root / "FashionMNIST" / "raw" / FASHION_FILES["test"][0]).read_bytes()
    assert data.test.pixels.numpy().tobytes() == raw[16:]
    assert data.train.labels.tolist() == [0, 1, 2, 3, 4, 5]
    assert data.classes == tuple(vision.FASHION_CLASSES)


def test_cifar10_from_pickles(cifar10_root, no_checksums):
    data = vision.cifar10(cifar10_root)
    check_items(data, (3, 32, 32))
    assert data.train.labels.tolist() == [0, 9, 1, 9, 2, 9, 3, 9, 4, 9]
    assert data.test.labels.tolist() == [5, 9]
    stored = pickle.loads((cifar10_root / "cifar-10-batches-py" / "data_batch_2").read_bytes())["data"]
    assert np.array_equal(data.train.pixels[2:4].numpy(), stored.reshape(2, 3, 32, 32))
    assert data.classes[data.test.labels[0]] == "dog"


def test_cifar100_from_pickles(cifar100_root, no_checksums):
    data = vision.cifar100(cifar100_root)
    check_items(data, (3, 32, 32))
    assert data.train.labels.tolist() == [90, 91, 92, 93, 94]
    assert len(data.classes) == 100
    assert data.classes[data.test.labels[2]] == "class 92"


def test_stl10_from_binaries(stl10_root, no_checksums):
    data = vision.stl10(stl10_root)
    check_items(data, (3, 96, 96))
    assert (len(data.views), len(data.train), len(data.test)) == (9, 4, 3)
    assert data.views.labels is None
    assert data.test.labels.tolist() == [0, 1, 2]
    assert data.classes == ("airplane", "bird", "car")
    folder = stl10_root / "stl10_binary"
    stored = np.frombuffer((folder / "unlabeled_X.bin").read_bytes(), np.uint8).reshape(5, 3, 96, 96)
    assert np.array_equal(data.views.images.pixels[4:].numpy(), stored.transpose(0, 1, 3, 2)), "columns come first"


LOADERS = {
    "FashionMNIST": vision.fashion_mnist,
    "CIFAR10": vision.cifar10,
    "CIFAR100": vision.cifar100,
    "STL10": vision.stl10,
}


@pytest.mark.parametrize("name", LOADERS)
def test_absent_set_names_folder_and_remedy(name, tmp_path):
    with pytest.raises(FileNotFoundError, match=f"{name} under .*download=True.*root=") as error:
        LOADERS[name](tmp_path)
    assert str(tmp_path) in str(error.value)


@pytest.mark.parametrize("name", ["CIFAR10", "CIFAR100", "STL10"])
def test_files_with_wrong_checksums_are_refused(name, request):
    root = request.getfixturevalue(f"{name.lower()}_root")
    with pytest.raises(FileNotFoundError, match=f"{name} under .* is missing or damaged.*download=True") as error:
        LOADERS[name](root)
    assert str(root) in str(error.value)


@pytest.mark.parametrize("file", [0, 1], ids=["images", "labels"])
@pytest.mark.parametrize("damage", [cut_short, empty, noise])
def test_damaged_raw_file_names_folder_and_remedy(fashion_root, file, damage):
    path = fashion_root / "FashionMNIST" / "raw" / FASHION_FILES["train"][file]
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(FileNotFoundError, match=r"FashionMNIST under .* is missing or damaged.*download=True") as error:
        vision.fashion_mnist(fashion_root)
    assert str(fashion_root) in str(error.value)


def test_root_comes_from_the_environment_or_the_cache(fashion_root, tmp_path, monkeypatch):
    monkeypatch.setenv("TOOLKIT_DATA", str(fashion_root))
    assert len(vision.fashion_mnist().train) == 6
    monkeypatch.delenv("TOOLKIT_DATA")
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    with pytest.raises(FileNotFoundError) as error:
        vision.fashion_mnist()
    assert str(tmp_path / "home" / ".cache" / "toolkit") in str(error.value)


# Folders of image files


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


@pytest.mark.parametrize("damage", [cut_short, empty, noise])
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


def test_indexed_images_are_the_bytes(bundled):
    indexed = vision.IndexedPixels(bundled.train)
    assert len(indexed) == 8000
    index, image = indexed[7]
    assert index == 7
    assert torch.equal(image, bundled.train.pixels[7])
    indices, images = indexed.collate(indexed.__getitems__([3, 5]))
    assert indices.tolist() == [3, 5]
    assert torch.equal(images, bundled.train.pixels[[3, 5]])


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


# The real sets


def test_real_cifar10(data_root):
    data_root("cifar-10-batches-py")
    data = vision.cifar10()
    assert repr(data) == "ImageData(views=50000, train=50000, test=10000, classes=10)"
    assert np.bincount(data.train.labels).tolist() == [5000] * 10
    assert np.bincount(data.test.labels).tolist() == [1000] * 10
    assert data.classes[data.train.labels[0]] == "frog"
    channel_means = data.train.pixels[::10].float().mean((0, 2, 3)) / 255
    torch.testing.assert_close(channel_means, torch.tensor([0.4914, 0.4822, 0.4465]), atol=0.01, rtol=0)
    check_items(data, (3, 32, 32))


def test_real_fashion_mnist(bundled, data_root):
    data_root("FashionMNIST/raw")
    data = vision.fashion_mnist()
    assert repr(data) == "ImageData(views=60000, train=60000, test=10000, classes=10)"
    assert np.bincount(data.train.labels).tolist() == [6000] * 10
    check_items(data, (1, 28, 28))
    all_images = {
        image.tobytes(): label for image, label in zip(data.test.pixels.numpy(), data.test.labels, strict=True)
    }
    for image, label in zip(bundled.test.pixels.numpy(), bundled.test.labels, strict=True):
        assert all_images[image.tobytes()] == label, "the bundled set is a part of the real one"
