"""Work in a thread next to the kernel's own: the newest that was asked for, then what may be asked for next."""

import asyncio
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial

_NICENESS = 15  # of 19
_PAUSE = 0.3  # seconds in which the browser paints what is there already
_REST = 0.5  # seconds after which a hand that moves a slider rests


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop of a kernel, if this is one."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class Newest:
    """Runs work in a thread and shows its result in the kernel's; without a kernel, both at once.

    The thread begins after a short pause and gives way to the kernel's own, so that it doesn't slow down what is shown
    at once or the next move of a slider.
    While some work is going on, only the newest of what is submitted waits for its turn. Once nothing waits and nothing
    moves, the thread prepares what may be asked for next.
    """

    def __init__(self) -> None:
        self._loop = running_loop()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._waiting: Callable[[], object] | None = None
        self._ahead: deque[Callable[[], object]] = deque()
        self._moved = 0.0
        self._closed = False

    @property
    def at_once(self) -> bool:
        """Whether there is no kernel, so that results are there at once."""
        return self._loop is None or self._loop.is_closed()

    def submit(self, work: Callable[[], object], show: Callable[[Callable[[], object]], None]) -> None:
        """Call `work`, then `show` with a function that returns what `work` did or raises its error."""
        if self.at_once:
            show(work)
            return
        with self._changed:
            self._waiting = lambda: self._finish(work, show)
            self._start()

    def prepare(self, tasks: Iterable[Callable[[], object]]) -> None:
        """Call these functions one by one while nothing waits, instead of those given before; without a kernel, none.

        An error ends them. It shows when what failed is asked for.
        """
        if self.at_once:
            return
        with self._changed:
            self._ahead = deque(tasks)
            self._start()

    def _start(self) -> None:
        self._moved = time.monotonic()
        self._changed.notify_all()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="explorer", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        _give_way()
        while (task := self._next()) is not None:
            task()

    def _next(self) -> Callable[[], object] | None:
        """Return what to do after the pause; None, if there is nothing, ends the thread."""
        with self._changed:
            while not self._closed and (self._waiting or self._ahead):
                early = self._moved + (_PAUSE if self._waiting else _REST) - time.monotonic()
                if early <= 0:
                    task, self._waiting = self._waiting, None
                    return task or partial(_try, self._ahead.popleft(), self._ahead)
                self._changed.wait(early)
            self._thread = None
            return None

    def _finish(self, work: Callable[[], object], show: Callable) -> None:
        result = Future()
        try:
            result.set_result(work())
        except Exception as error:
            result.set_exception(error)
        loop = self._loop
        if not self._closed and loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._show, show, result.result)

    def _show(self, show: Callable, result: Callable[[], object]) -> None:
        if not self._closed:
            show(result)

    def close(self) -> None:
        """Forget what waits, and wait for what is going on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()


def _try(task: Callable[[], object], others: deque) -> None:
    """Do a task; an error ends what was to be prepared with it."""
    try:
        task()
    except Exception:
        others.clear()


def _give_way() -> None:
    """Lower the priority of this thread, if it isn't lower already: raising it takes rights that few have."""
    if sys.platform == "linux":  # elsewhere threads of a process have no priority of their own
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, max(os.getpriority(os.PRIO_PROCESS, thread), _NICENESS))
