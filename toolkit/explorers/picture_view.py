"""A picture in the browser, as wide as there is room, in the page's theme, with words for those who do not see it."""

import anywidget
import traitlets

from toolkit.explorers.bundle import JS, bundle

CSS = (JS / "explorer.css").read_text()  # a path would be watched, and keep each widget alive


class PictureView(anywidget.AnyWidget):
    """Shows a PNG.

    Attributes
    ----------
    value : bytes
        The PNG.
    description : str
        What is to be seen, in words.
    """

    _esm = bundle(JS / "picture.js")
    _css = CSS

    value = traitlets.Bytes().tag(sync=True)
    description = traitlets.Unicode().tag(sync=True)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.description!r})"


class StyleSheet(anywidget.AnyWidget):
    """Brings the style sheet and the page's theme to an explorer that shows neither map nor picture."""

    _esm = bundle(JS / "style_sheet.js")
    _css = CSS
