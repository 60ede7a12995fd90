"""Sets that torchvision reads: tiny files in their formats, and the real ones where they are."""

import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from image_checks import check_items, cut_short, empty, noise, random_pixels

from toolkit.datasets import vision

pytest.importorskip("torchvision")

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


def test_real_fashion_mnist(data_root):
    data_root("FashionMNIST/raw")
    data = vision.fashion_mnist()
    assert repr(data) == "ImageData(views=60000, train=60000, test=10000, classes=10)"
    assert np.bincount(data.train.labels).tolist() == [6000] * 10
    check_items(data, (1, 28, 28))
    part = vision.bundled().test
    all_images = {
        image.tobytes(): label for image, label in zip(data.test.pixels.numpy(), data.test.labels, strict=True)
    }
    for image, label in zip(part.pixels.numpy(), part.labels, strict=True):
        assert all_images[image.tobytes()] == label, "the bundled set is a part of the real one"
