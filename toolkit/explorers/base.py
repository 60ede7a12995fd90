"""What all explorers share: their layout, errors that show, an end that leaves nothing behind."""

import base64
import html
import threading
from collections.abc import Callable, Iterable, Sequence

import ipywidgets as widgets

PICTURE_WIDTH = "540px"


class Explorer(widgets.VBox):
    """Controls on the left, a picture on the right, a line of live numbers and one for errors beneath it.

    A subclass calls `_arrange` and `_observe`, writes `_respond` and `_png`.

    Attributes
    ----------
    numbers, message : widgets.HTML
        The live numbers; the error of the last change, if it failed.
    """

    def _arrange(
        self, controls: Sequence[widgets.Widget], view: Sequence[widgets.Widget], beneath: Sequence[widgets.Widget] = ()
    ) -> None:
        """Lay out the controls and the picture, with more below both."""
        self.numbers = widgets.HTML(layout=widgets.Layout(max_width=PICTURE_WIDTH))
        self.message = widgets.HTML(layout=widgets.Layout(max_width=PICTURE_WIDTH))
        self._paused = self._late = False
        self._lock = threading.RLock()
        super().__init__([self._rows(controls, view), *beneath])

    def _rows(self, controls: Sequence[widgets.Widget], view: Sequence[widgets.Widget]) -> widgets.Widget:
        """Return the controls beside the picture, with the numbers and errors beneath it."""
        right = widgets.VBox([*view, self.numbers, self.message])
        return widgets.HBox([widgets.VBox(controls), right], layout=widgets.Layout(flex_flow="row wrap"))

    def _respond(self, moved: widgets.Widget | None) -> None:
        """Show the present settings, after the control `moved`, or several (None), changed."""
        raise NotImplementedError

    def _png(self) -> bytes:
        """Return the picture, for pages without JavaScript."""
        raise NotImplementedError

    def _changed(self, moved: widgets.Widget | None = None) -> None:
        """Show the present settings; if that fails, the last good picture stays, and the error is shown."""
        if self._paused:
            self._late = True
            return
        self._attempt(self._respond, moved)

    def _attempt(self, action: Callable, *arguments) -> None:
        """Call `action`; show an error in the widget, and raise it for those who have no widget."""
        with self._lock:  # a notebook's kernel may run a cell and a slider's message at once, in two threads
            try:
                action(*arguments)
                self.message.value = ""
            except Exception as error:
                self._show_error(error)
                raise

    def _show_error(self, error: Exception) -> None:
        self.message.value = f"<b>{type(error).__name__}</b>: {html.escape(str(error))}"

    def _show_numbers(self, lines: Iterable[Iterable[str]]) -> None:
        """Show lines of words (HTML), close to each other; long lines are broken between words, not within one."""
        lines = [[f'<span style="white-space:nowrap">{word}' for word in words] for words in lines]
        text = "<br>".join(" &nbsp;·</span>&nbsp; ".join(words) + "</span>" for words in lines)
        self.numbers.value = f'<div style="line-height:1.5">{text}</div>'

    def pause(self) -> None:
        """Do nothing on changes until `resume`: for an explorer that is out of sight."""
        self._paused = True

    def resume(self) -> None:
        """Follow changes again, and catch up if there were any."""
        self._paused = False
        if self._late:
            self._late = False
            self._changed()

    def close(self) -> None:
        """End the widget and all it consists of; nothing stays in the kernel."""
        close_tree(self)

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        return bundle | {"image/png": base64.b64encode(self._png()).decode()}


def close_tree(widget: widgets.Widget) -> None:
    """Close a widget with its children, layout and style, each of which has a channel to the browser."""
    for child in getattr(widget, "children", ()):
        child.close() if isinstance(child, Explorer) else close_tree(child)
    for part in (getattr(widget, "layout", None), getattr(widget, "style", None)):
        if isinstance(part, widgets.Widget):
            part.close()
    widgets.Widget.close(widget)
