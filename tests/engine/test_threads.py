"""Running the same work in several threads."""

import threading
from functools import partial

import pytest
import torch

from toolkit.engine import threads


@pytest.fixture(autouse=True)
def three_torch_threads():
    """Another number than one, so that it shows whether it is restored, in this thread and in new ones."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def assert_nothing_left(threads_before: int) -> None:
    assert threading.active_count() == threads_before
    assert torch.get_num_threads() == 3
    seen = []
    thread = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert seen == [3]


@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_work_runs_once_in_each_thread(n_threads):
    before, runs = threading.active_count(), []
    # Nobody goes on before all have come: one thread cannot do the work of two.
    barrier = threading.Barrier(n_threads, timeout=60)

    def work():
        barrier.wait()
        runs.append((threading.get_ident(), torch.get_num_threads()))

    threads.run(work, n_threads)
    assert len(runs) == len({thread for thread, _ in runs}) == n_threads
    assert threading.get_ident() in {thread for thread, _ in runs}
    assert {number for _, number in runs} == {1}
    assert_nothing_left(before)


@pytest.mark.parametrize("here", [True, False])
def test_error_in_a_thread_is_raised(here):
    before, ended = threading.active_count(), []

    def work():
        if (threading.current_thread() is threading.main_thread()) == here:
            raise ZeroDivisionError("in this thread" if here else "in another")
        ended.append(True)

    with pytest.raises(ZeroDivisionError, match="in this thread" if here else "in another"):
        threads.run(work, 2)
    assert ended == [True]
    assert_nothing_left(before)


def test_number_of_cores_is_that_of_torch():
    assert threads.n_cores() == 3
    torch.set_num_threads(1)
    assert threads.n_cores() == 1


@pytest.mark.parametrize("n_threads", [1, 2])
def test_a_run_that_begins_during_another_and_ends_after_it_leaves_no_trace(n_threads):
    before = threading.active_count()
    begun, first_has_ended = [threading.Event(), threading.Event()], threading.Event()

    def until(number, event):
        begun[number].set()
        assert event.wait(60)

    first, second = (
        threading.Thread(target=threads.run, args=(partial(until, number, event), n_threads))
        for number, event in enumerate((begun[1], first_has_ended))
    )
    first.start()
    assert begun[0].wait(60)
    second.start()
    first.join()
    first_has_ended.set()
    second.join()
    assert_nothing_left(before)
