"""Thumbnails of images, sentences and drawings."""

import base64
import io
import re

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from toolkit.plots.items import to_rgb
from toolkit.plots.thumbnails import Thumbnails

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (5, 28, 28), np.uint8)
SENTENCES = ["A man is playing a flute.", "<b>Bold</b> & free", "x" * 300]


def draw_node(index, ax):
    ax.plot([0, 1], [0, index], color="black", linewidth=3)


def decode(png):
    return np.asarray(Image.open(io.BytesIO(png)))


@pytest.mark.parametrize(
    ("items", "kind"),
    [
        (GREY, "image"),
        (torch.from_numpy(GREY)[:, None], "image"),
        (RNG.random((5, 3, 8, 12)), "image"),
        (RNG.random((5, 8, 12, 3)).astype(np.float32), "image"),
        (SENTENCES, "text"),
        (np.array(SENTENCES), "text"),
        (draw_node, "drawing"),
        (None, "number"),
    ],
)
def test_every_kind_has_one_size(items, kind):
    n = len(items) if kind in ("image", "text") else 5
    thumbnails = Thumbnails(items, n, size=48)
    assert thumbnails.kind == kind
    assert repr(thumbnails) == f"Thumbnails({kind}, n={n})"
    for index in range(n):
        pixels = thumbnails.pixels(index)
        assert (pixels.shape, pixels.dtype) == ((48, 48, 3), np.uint8)
        np.testing.assert_array_equal(decode(thumbnails.png(index)), pixels)
        assert len(np.unique(pixels)) > 1, "something is drawn"
    widths = {re.search(r"width:(\d+)px;height:(\d+)px", thumbnails.html(i)).groups() for i in range(n)}
    assert len(widths) == 1


@pytest.mark.parametrize("n_channels", [1, 3])
def test_channels_first_and_last_are_the_same_picture(n_channels):
    first = RNG.integers(0, 256, (2, n_channels, 9, 7), np.uint8)
    last = np.moveaxis(first, 1, -1)
    np.testing.assert_array_equal(Thumbnails(first).pixels(1), Thumbnails(last).pixels(1))
    np.testing.assert_array_equal(Thumbnails(first / 255).pixels(1), Thumbnails(first).pixels(1))


def test_image_is_itself_enlarged_and_centred():
    image = np.zeros((1, 2, 4, 3), np.uint8)
    image[0, 0, 0] = (255, 0, 0)
    pixels = Thumbnails(image, 1, size=32).pixels(0)
    assert (pixels[:8] == 255).all(), "white above"
    assert (pixels[-8:] == 255).all(), "white below"
    np.testing.assert_array_equal(pixels[8:16, :8], np.broadcast_to([255, 0, 0], (8, 8, 3)))
    assert (pixels[16:24] == 0).all()


def test_one_channel_is_dark_on_white():
    np.testing.assert_array_equal(to_rgb(GREY[0])[..., 0], 255 - GREY[0])
    colour = RNG.integers(0, 256, (6, 6, 3), np.uint8)
    np.testing.assert_array_equal(to_rgb(colour), colour)


def test_drawings_are_made_once_and_differ():
    calls = []

    def draw(index, ax):
        calls.append(index)
        draw_node(index, ax)

    thumbnails = Thumbnails(draw, 3)
    pictures = [thumbnails.png(index) for index in (0, 1, 0, 1, 0)]
    thumbnails.pixels(1)
    assert calls == [0, 1]
    assert pictures[0] == pictures[2] != pictures[1]
    assert pictures[0] == Thumbnails(draw_node, 3).png(0), "nothing of another instance stays"


def test_html_names_what_it_shows():
    shown = Thumbnails(SENTENCES).html(1, "similarity 0.50")
    assert "&lt;b&gt;Bold&lt;/b&gt; &amp; free" in shown
    assert "<b>" not in shown
    assert "similarity 0.50" in shown
    thumbnails = Thumbnails(GREY)
    shown = thumbnails.html(2, "Coat")
    assert 'alt="#2 Coat"' in shown
    found = base64.b64decode(re.search(r"base64,([^\"]+)", shown).group(1))
    assert found == thumbnails.png(2)


def test_grid_has_one_figure_per_instance():
    grid = Thumbnails(GREY).grid([3, 1], ["one", "two"])
    assert grid.count("<figure") == 2
    assert grid.index("#3 one") < grid.index("#1 two")
    assert Thumbnails(GREY).grid([0, 1]).count("<figure") == 2


@pytest.mark.parametrize("items", [GREY, SENTENCES, draw_node, None])
def test_rendering_fills_given_axes(items):
    ax = Figure().add_subplot()
    Thumbnails(items, None if items is GREY or items is SENTENCES else 5).render(1, ax)
    assert ax.images or ax.texts or ax.lines
    assert list(ax.get_xticks()) == []
    if items is GREY:
        np.testing.assert_array_equal(ax.images[0].get_array(), to_rgb(GREY[1]))
    if items is SENTENCES:
        assert ax.texts[0].get_text().replace("\n", " ") == SENTENCES[1]


@pytest.mark.parametrize(
    ("items", "n", "exception", "message"),
    [
        (GREY, 4, ValueError, r"items must hold one per instance \(4\), got 5"),
        (SENTENCES, 4, ValueError, r"items must hold one per instance \(4\), got 3"),
        (GREY[0], 28, ValueError, r"items must have shape .* got \(28, 28\)"),
        (np.zeros((2, 5, 6, 7), np.uint8), 2, ValueError, "with 1 or 3 channels"),
        (GREY.astype(int), 5, TypeError, "items must be uint8 or float to be images, got dtype int64"),
        (GREY * 1.0, 5, ValueError, r"items must lie in \[0, 1\] to be float images, got values from 0 to 255"),
        (np.full((1, 4, 4), np.nan), 1, ValueError, "must lie in"),
        ("a sentence", 10, TypeError, "got a single str: 'a sentence'"),
        ([1, 2], 2, TypeError, "items must be images .* got list"),
        (3, 2, TypeError, "got int"),
        (None, None, TypeError, "n must be an integer at least 1, got None"),
        (draw_node, 0, ValueError, "n must be at least 1, got 0"),
    ],
)
def test_bad_items_are_named(items, n, exception, message):
    with pytest.raises(exception, match=message):
        Thumbnails(items, n)


@pytest.mark.parametrize("call", ["pixels", "png", "text", "html"])
def test_index_out_of_range_is_named(call):
    with pytest.raises(ValueError, match="index must be between 0 and 4, got 5"):
        getattr(Thumbnails(GREY), call)(5)
