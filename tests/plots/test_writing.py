"""The users' own words in figures: every script, no mathematics, no warnings."""

import io
import textwrap

import numpy as np
import pytest
from figures import texts
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from PIL import Image

from toolkit import plots
from toolkit.plots import writing
from toolkit.plots.thumbnails import Thumbnails

pytestmark = pytest.mark.filterwarnings("error")

WORDS = {
    "cjk": "小さな魚が水の中を泳いでいます。它们在水里游泳，很长很长的一句话没有空格。물고기가 헤엄친다",
    "scripts": "नमस्ते मछली \U0001f600 สวัสดี",
    "dollars": "Shares rose from $5 to $7",
    "formula": r"$\frac{1 to 2$ and \sum_^",
    "surrogates": "half a character \ud800 and \udfff",
    "controls": "tab\there, null\0 here",
}


def png(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=60)
    return np.asarray(Image.open(buffer).convert("RGB"))


def characters(family):
    return set(map(chr, get_font(findfont(FontProperties(family=family))).get_charmap()))


@pytest.fixture(autouse=True)
def fonts(monkeypatch):
    """Only the fonts that come with Matplotlib, whatever the machine has."""
    monkeypatch.setattr(font_manager, "get_font_names", lambda: ["DejaVu Sans", "STIXGeneral"])


def test_long_words_are_cut():
    label = writing.write(Figure().text(0, 0, ""), "word" * 5_000)
    assert label.get_text() == "word" * 75 + "…"
    assert writing.write(label, "w" * 300).get_text() == "w" * 300


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_any_words_can_be_drawn_everywhere(words):
    texts, labels = [words] * 4, np.array([words, "other", words, "other"])
    thumbnails = Thumbnails(texts)
    assert len(np.unique(thumbnails.pixels(0))) > 1
    thumbnails.html(0, words).encode()  # as the browser gets it
    figures = [plots.thumbnail_grid(thumbnails, [0, 1], texts[:2]).figure]
    figures.append(plots.batch_sentences({words: [0, 1], "kNN": [2, 3]}, texts, labels)[0].figure)
    figures.append(plots.embedding_map(np.random.default_rng(0).random((4, 2)), labels).figure)
    images = Thumbnails(np.random.default_rng(0).random((4, 6, 6)))
    figures.append(plots.thumbnail_grid(images, [0, 1], texts[:2]).figure)
    figures.append(plots.batch_grid({words: [0, 1]}, images, [0, 1, 0, 1], [words, "other"], n_shown=2)[0, 0].figure)
    for figure in figures:
        figure.set_layout_engine("none")  # which warns that a sentence is a long name
        png(figure)


def test_nothing_is_read_as_mathematics():
    ax = plots.embedding_map(np.zeros((2, 2)), np.array(["$5 to $7"] * 2))
    assert texts(ax) == ["$5 to $7"]
    assert not ax.texts[0].get_parse_math()


def test_characters_that_no_font_has_become_boxes():
    text = writing.write(Figure().text(0, 0, ""), "fish 魚!\n\ud83d and \t.")
    assert text.get_text() == "fish □!\n\ufffd and  ."


def test_halves_of_one_character_become_it():
    assert Thumbnails(["\ud83d\ude00 \ud83d"]).text(0) == "\U0001f600 \ufffd"


def test_missing_characters_come_from_another_font(monkeypatch):
    letter = min(characters("STIXGeneral") - characters("DejaVu Sans"))
    monkeypatch.setattr(writing, "_FAMILIES", ("DejaVu Sans", "no such font", "STIXGeneral"))
    text = writing.write(Figure().text(0, 0, ""), f"a{letter}")
    assert text.get_text() == f"a{letter}"
    assert text.get_fontfamily()[-1] == "STIXGeneral"
    figures = [Figure(figsize=(1, 1)) for _ in range(2)]
    writing.write(figures[0].text(0.2, 0.2, ""), letter)
    figures[1].text(0.2, 0.2, letter, fontfamily="STIXGeneral")
    np.testing.assert_array_equal(png(figures[0]), png(figures[1]))


def test_a_font_without_a_bold_face_is_used_in_silence(monkeypatch, caplog):
    monkeypatch.setattr(writing, "_FAMILIES", ("DejaVu Sans", "cmr10"))
    monkeypatch.setattr(font_manager, "get_font_names", lambda: ["cmr10"])
    assert "a" not in characters("STIXSizeFiveSym")
    caplog.clear()
    figure = Figure()
    look = {"weight": "bold", "fontsize": 9.37}
    text = writing.write(figure.text(0, 0, "", fontfamily="STIXSizeFiveSym", **look), "a")
    assert text.get_fontfamily()[-1] == "cmr10"
    png(figure)
    assert not caplog.records
    figure.text(0, 0, "a", fontfamily="cmr10", weight="bold", fontsize=9.41)
    png(figure)
    assert "bold" in caplog.text, "as Matplotlib does by itself"


def test_boxes_are_drawn_also_in_fonts_without_them():
    assert writing._BOX not in characters("cmr10")
    figure = Figure()
    text = writing.write(figure.text(0, 0, "", fontfamily="cmr10"), "魚")
    assert text.get_text() == "□"
    png(figure)


@pytest.mark.parametrize("n_lines", [1, 2, 3])
def test_latin_words_are_cut_between_words_as_textwrap_does(n_lines):
    words = "A man is playing a flute while a dog sleeps by the old river"
    expected = textwrap.wrap(words, 18, max_lines=n_lines, placeholder=" …")
    assert writing.wrap(words, 18, n_lines).split("\n") == expected


def test_chinese_fills_its_lines():
    lines = writing.wrap("魚" * 100, 20, 3).split("\n")
    assert lines == ["魚" * 10, "魚" * 10, "魚" * 9 + " …"]
    assert writing.wrap("魚" * 30, 20, 3) == "\n".join(["魚" * 10] * 3)
    assert writing.wrap("x" * 300, 20, 1) == "x" * 18 + " …"
