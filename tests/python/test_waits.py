"""Waiting: time-outs, Ctrl-C, asyncio, callbacks, cancelling."""

import asyncio
import os
import signal
import threading
import time

import numpy as np
import pytest
from conftest import WAIT_S, wait_all
from whimbrel import errors


def half_done(trio):
    """An op that lacks the third peer, and what completes it."""
    works = [g.all_reduce(np.ones(4, np.float32)) for g in trio[:2]]
    return works, lambda: trio[2].all_reduce(np.ones(4, np.float32))


def test_a_timeout_leaves_the_op_running(trio):
    works, complete = half_done(trio)
    start = time.monotonic()
    with pytest.raises(TimeoutError, match="peer-2"):
        works[0].wait(0.25)
    assert 0.2 < time.monotonic() - start < 1.0
    assert not works[0].done() and works[0].exception() is None and works[0].waiting_for()
    with pytest.raises(TimeoutError):
        works[0].wait(0)
    wait_all([*works, complete()])
    assert works[0].done() and works[0].waiting_for() == ""


def test_ctrl_c_ends_the_wait_and_nothing_else(trio):
    works, complete = half_done(trio)
    pressed = []

    def press():
        pressed.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    for _ in range(3):
        timer = threading.Timer(0.15, press)
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            works[0].wait()
        assert time.monotonic() - pressed[-1] < 0.2
        timer.join()
    assert not works[0].done()
    wait_all([*works, complete()])
    assert len(pressed) == 3


def test_ctrl_c_interrupts_join_and_rounds(make_group, trio):
    work = trio[0].round_begin(0)  # the others are not ready
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        work.wait()
    assert time.monotonic() - start < 0.1 + 0.2


def test_interrupt_from_another_thread(trio):
    works, complete = half_done(trio)
    threading.Timer(0.1, trio[0].interrupt).start()
    with pytest.raises(errors.Interrupted) as caught:
        works[0].wait(WAIT_S)
    assert caught.value.retryable
    wait_all([*works, complete()])


def test_an_interrupt_is_not_lost_between_two_looks_for_signals(trio):
    works, complete = half_done(trio)
    handled = []

    def interrupt(*_):  # runs in the waiting thread, while the library does not wait
        trio[0].interrupt()
        handled.append(True)

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        with pytest.raises(errors.Interrupted):
            works[0].wait(WAIT_S)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert handled
    wait_all([*works, complete()])


def test_the_gil_is_free_during_a_wait(trio):
    works, complete = half_done(trio)
    threading.Timer(0.3, complete).start()  # needs the interpreter while this thread waits
    wait_all(works)


def test_await(trio):
    async def peers():
        works, complete = half_done(trio)
        done = asyncio.gather(*works)
        await asyncio.sleep(0.05)
        assert not done.done()
        arrays = [await complete(), *await done]
        assert await works[0] is arrays[1]  # awaiting again is fine
        return [a.tolist() for a in arrays]

    assert asyncio.run(peers()) == [[1.0] * 4] * 3


def test_an_awaited_error_is_raised(trio):
    async def peers():
        works = [g.all_reduce(np.ones(4, np.float32), weight=0.0) for g in trio]
        return await asyncio.gather(*works, return_exceptions=True)

    assert [type(e) for e in asyncio.run(peers())] == [errors.Weights] * 3


def test_giving_up_on_an_await_leaves_the_op(trio):
    works, complete = half_done(trio)

    async def peer():
        await asyncio.wait_for(_awaited(works[0]), 0.1)

    with pytest.raises(TimeoutError):
        asyncio.run(peer())
    wait_all([*works, complete()])


async def _awaited(work):
    return await work


def test_callbacks(trio):
    works, complete = half_done(trio)
    called, twice = threading.Event(), []
    works[0].add_done_callback(lambda work: (twice.append(work), called.set()))
    assert not called.wait(0.1)
    wait_all([*works, complete()])
    assert called.wait(WAIT_S)
    works[0].add_done_callback(twice.append)  # at once
    assert twice == [works[0], works[0]]


def test_cancel_gives_up_this_peers_part(trio):
    works, complete = half_done(trio)
    works[1].cancel()
    with pytest.raises(errors.Cancelled):
        works[1].wait(WAIT_S)
    wait_all([works[0], complete()])


def test_the_shortest_budget_is_a_budget(trio):
    """0.4 ms are not none."""
    work = trio[0].barrier(budget=0.0004)
    with pytest.raises(errors.Cancelled, match="budget of 1 ms"):
        work.wait(WAIT_S)


@pytest.mark.parametrize(("seconds", "words"), [(0.003, "3 ms"), (0.1, "100 ms"), (0.0301, "31 ms")])
def test_a_budget_is_rounded_up_to_milliseconds(trio, seconds, words):
    with pytest.raises(errors.Cancelled, match=f"budget of {words}"):
        trio[0].all_reduce(np.ones(4, np.float32), budget=seconds).wait(WAIT_S)


@pytest.mark.parametrize("seconds", [-1.0, float("nan")])
def test_a_budget_that_is_no_time_is_refused(trio, seconds):
    with pytest.raises(ValueError, match="budget"):
        trio[0].barrier(budget=seconds)
