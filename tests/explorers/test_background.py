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
