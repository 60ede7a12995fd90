"""Work in the background of a kernel."""

import asyncio
import os
import sys
import threading

import pytest
from map_data import until

from toolkit.explorers.background import Newest


def priority():
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def priority_in_background():
    found = []

    async def session():
        newest = Newest()
        newest.submit(priority, lambda result: found.append(result()))
        await until(lambda: found)
        newest.close()

    asyncio.run(session())
    return found[0]


@pytest.mark.skipif(sys.platform != "linux", reason="threads of a process have no priority of their own")
@pytest.mark.parametrize(("own", "expected"), [(2, 15), (19, 19)])
def test_it_gives_way_to_the_kernel(own, expected):
    found = {}

    def kernel():
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), own)
        found["background"], found["kernel"] = priority_in_background(), priority()

    thread = threading.Thread(target=kernel)
    thread.start()
    thread.join()
    assert found == {"background": expected, "kernel": own}


def test_only_the_newest_waits_for_the_pause():
    shown = []

    async def session():
        newest = Newest()
        for number in range(5):
            newest.submit(lambda number=number: number, lambda result: shown.append(result()))
        await until(lambda: shown)
        newest.close()

    asyncio.run(session())
    assert shown == [4]


def background(session):
    """Run a session with a background, which ends with it."""

    async def whole():
        newest = Newest()
        try:
            await session(newest)
        finally:
            newest.close()

    asyncio.run(whole())
    assert not any(thread.name == "explorer" for thread in threading.enumerate())


def test_what_is_prepared_comes_after_what_is_asked_for():
    done = []

    async def session(newest):
        newest.prepare([lambda number=number: done.append(number) for number in range(3)])
        newest.submit(lambda: done.append("asked for"), lambda result: result())
        await until(lambda: len(done) == 4)

    background(session)
    assert done == ["asked for", 0, 1, 2]


class HeldUp:
    """A task that begins and waits until it may go on."""

    def __init__(self):
        self.begun, self.goes_on = threading.Event(), threading.Event()

    def __call__(self):
        self.begun.set()
        assert self.goes_on.wait(60)


def test_what_is_asked_for_interrupts_what_is_prepared():
    done, first = [], HeldUp()

    async def session(newest):
        newest.prepare([first, lambda: done.append("old")])
        await until(first.begun.is_set)
        newest.submit(lambda: done.append("asked for"), lambda result: result())
        newest.prepare([lambda: done.append("new")])
        first.goes_on.set()
        await until(lambda: "new" in done)

    background(session)
    assert done == ["asked for", "new"]


def test_an_error_ends_what_is_prepared_and_nothing_else():
    done = []

    async def session(newest):
        newest.prepare([lambda: done.append(1 / 0), lambda: done.append("after an error")])
        await until(lambda: newest._thread is None)
        newest.submit(lambda: "fine", lambda result: done.append(result()))
        await until(lambda: done)

    background(session)
    assert done == ["fine"]


def test_nothing_is_prepared_after_the_end_or_without_a_kernel():
    done, first = [], HeldUp()

    async def session(newest):
        newest.prepare([first, lambda: done.append("after the end")])
        await until(first.begun.is_set)
        threading.Timer(0.1, first.goes_on.set).start()
        newest.close()

    background(session)
    Newest().prepare([lambda: done.append("without a kernel")])
    assert done == []
