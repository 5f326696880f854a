"""DiLoCo when an outer step does not run its course: Ctrl-C in any of its waits, healing that goes on without
this replica, rounds that are aborted before the first commit."""

import itertools
import signal
from collections.abc import Iterator

import numpy as np
import pytest
import torch
import whimbrel
from conftest import WAIT_S
from test_diloco import inner_steps, make_model, run_replicas
from whimbrel import _core, errors
from whimbrel.torch import DiLoCo, healing
from whimbrel.torch.parameters import FlatParameters
from whimbrel.work import Work


@pytest.fixture
def pair(tmp_path) -> Iterator[list[whimbrel.Group]]:
    """Two members; no round begins without both, however slow the machine is."""
    with whimbrel.Coordinator("pair", tmp_path, listen="127.0.0.1:0", replicas_min=2) as coordinator:
        groups = [
            whimbrel.Group(coordinator.invite(), name=f"r{n}", listen="127.0.0.1:0", worker_threads=1)
            for n in range(2)
        ]
        for group in groups:
            group.join().wait(WAIT_S)
        yield groups
        for group in groups:
            group.close()


class PressedOnce(Work):
    """A work whose first wait ends as Ctrl-C would end it: at once, or just when the op has completed."""

    pressed = False
    late = False

    def wait(self, timeout=None):
        if not self.pressed:
            self.pressed = True
            if self.late:
                super().wait(timeout)
            raise KeyboardInterrupt
        return super().wait(timeout)


def press_in(group, method: str, call: int, *, late: bool = False) -> list:
    """From now on Ctrl-C hits the wait for the call-th op that `method` of the group starts. The list gets it."""
    start, hit, calls = getattr(group, method), [], 0

    def wrapped(*args, **kwargs):
        nonlocal calls
        work = start(*args, **kwargs)
        calls += 1
        if calls == call:
            work = PressedOnce(work._op, work._result, work._named)
            work.late = late
            hit.append(work)
        return work

    setattr(group, method, wrapped)
    return hit


def flat(model) -> torch.Tensor:
    parameters = FlatParameters(model)
    return parameters.read(parameters.new())


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("method", ["all_reduce", "round_commit", "round_begin"])
def test_alone_it_trains_on_after_ctrl_c(make_group, method, late):
    group = make_group("alone")
    model = make_model()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    begun = []
    diloco = DiLoCo(
        model,
        optimizer,
        group,
        sync_every=2,
        outer_lr=1.0,
        outer_momentum=0.0,
        observer=lambda p: begun.append(p.fields) if p.what == "begin" else None,
    )
    hit = press_in(group, method, call=2, late=late)
    inner_steps(model, optimizer, 1, 2)
    with pytest.raises(KeyboardInterrupt):
        inner_steps(model, optimizer, 2, 2)
    optimizer.zero_grad()
    assert hit
    committed = 2 if method == "round_begin" else 1
    assert (diloco.committed, diloco.round.round) == (committed, 2)
    inner_steps(model, optimizer, 3, 4)
    assert diloco.outer_steps == (3 if method == "all_reduce" else 4)  # a Ctrl-C loses no other outer step
    assert (diloco.committed, diloco.round.round) == (4, 5)
    assert not any(fields["healed"] for fields in begun)
    assert torch.equal(flat(model), torch.frombuffer(diloco._state.anchor(), dtype=torch.float32))


@pytest.mark.parametrize(
    ("method", "pressed"),
    [("all_reduce", 0), ("round_commit", 1), ("round_begin", 1), ("broadcast", 0), ("broadcast", 1)],
)
def test_replicas_agree_after_ctrl_c_in_one(pair, method, pressed):
    """Round 1 brings nothing, so that round 2 begins with healing too: with the broadcasts 4 to 6."""

    def job(n):
        model = make_model(seed=n)
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        weights = itertools.chain([0.0], itertools.repeat(1.0))
        call = 5 if method == "broadcast" else 3
        hit = press_in(pair[n], method, call, late=pressed == 1) if n == pressed else None
        presses = 0
        diloco = DiLoCo(
            model, optimizer, pair[n], sync_every=2, rounds_max=8, weight=lambda: next(weights)
        )
        while not diloco.finished:
            try:
                inner_steps(model, optimizer, seed=n * 1000 + diloco.step, steps=1)
            except KeyboardInterrupt:
                optimizer.zero_grad()
                presses += 1
        assert (presses, bool(hit)) == ((1, True) if n == pressed else (0, False))
        return diloco.digest(), flat(model)

    (digest, parameters), (digest_2, parameters_2) = run_replicas([lambda: job(0), lambda: job(1)])
    assert digest == digest_2 and torch.equal(parameters, parameters_2)


@pytest.mark.parametrize("where", ["weight", "begin", "contribute", "second broadcast"])
def test_a_round_that_has_begun_is_not_left_to_the_others(pair, where):
    """Replica 0 is interrupted after a round has begun and before its part in it: the other one waits for it."""

    def job(n):
        model = make_model(seed=n)
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        presses = []

        def press(what, call):
            calls[what] = calls.get(what, 0) + 1
            if n == 0 and what == where and calls[what] == call and not presses:
                presses.append(what)
                raise KeyboardInterrupt

        calls: dict[str, int] = {}

        def weight():
            press("weight", 2)
            return 1.0

        if n == 0 and where == "second broadcast":
            broadcast, made = pair[0].broadcast, itertools.count()

            def wrapped(*args, **kwargs):
                if next(made) == 4:  # of the second healing
                    presses.append(where)
                    raise KeyboardInterrupt
                return broadcast(*args, **kwargs)

            pair[0].broadcast = wrapped
        weights = itertools.chain([0.0], itertools.repeat(1.0))  # so that round 2 begins with healing too
        diloco = DiLoCo(
            model,
            optimizer,
            pair[n],
            sync_every=2,
            rounds_max=5,
            weight=(lambda: next(weights)) if where == "second broadcast" else weight,
            observer=lambda p: press("begin", 2) if p.what == "begin" else None,
        )
        read = diloco._parameters.read

        def reads(out):
            press("contribute", 2)
            return read(out)

        diloco._parameters.read = reads
        while not diloco.finished:
            try:
                inner_steps(model, optimizer, seed=n * 1000 + diloco.step, steps=1)
            except KeyboardInterrupt:
                optimizer.zero_grad()
        assert bool(presses) == (n == 0)
        return diloco.committed, diloco.digest(), flat(model)

    first, second = run_replicas([lambda: job(0), lambda: job(1)])
    assert first[:2] == second[:2] and first[0] == 5
    assert torch.equal(first[2], second[2])


def test_ctrl_c_waits_until_an_op_is_noted(make_group):
    """Pressed while an op is posted: it is posted once, and the next step goes on."""
    group = make_group("alone")
    model = make_model()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    diloco = DiLoCo(model, optimizer, group, sync_every=1)
    for method in ("all_reduce", "round_commit", "round_begin"):
        start, pressed = getattr(group, method), []

        def posts(*args, start=start, pressed=pressed, **kwargs):
            work = start(*args, **kwargs)
            if not pressed:
                pressed.append(True)
                signal.raise_signal(signal.SIGINT)  # as if the handler ran just when the call returns
            return work

        setattr(group, method, posts)
        with pytest.raises(KeyboardInterrupt):
            inner_steps(model, optimizer, 1, 1)
        setattr(group, method, start)
        optimizer.zero_grad()
        inner_steps(model, optimizer, 2, 2)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert diloco.committed >= 6


def test_one_step_after_ctrl_c_is_one_outer_step(make_group):
    group = make_group("alone")
    model = make_model()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    asked = itertools.count()

    def weight():
        if next(asked) == 1:
            raise KeyboardInterrupt
        return 1.0

    diloco = DiLoCo(model, optimizer, group, sync_every=1, weight=weight)
    inner_steps(model, optimizer, 1, 1)
    with pytest.raises(KeyboardInterrupt):
        inner_steps(model, optimizer, 2, 1)
    optimizer.zero_grad()
    inner_steps(model, optimizer, 3, 1)
    assert diloco.committed == 2 and next(asked) == 3


def test_the_op_that_was_given_up_has_no_hold_on_the_next(pair):
    """The other member takes no part in the first all-reduce, so that it is open when Ctrl-C comes."""
    hit = press_in(pair[0], "all_reduce", call=1)

    def replica():
        model = make_model()
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        diloco = DiLoCo(model, optimizer, pair[0], sync_every=1, rounds_max=2)
        borrowed = diloco._scratch
        with pytest.raises(KeyboardInterrupt):
            inner_steps(model, optimizer, 1, 1)
        assert isinstance(hit[0].exception(), errors.Cancelled)
        optimizer.zero_grad()
        inner_steps(model, optimizer, 2, 1)
        assert diloco._scratch is not borrowed
        return diloco.committed, diloco.digest()

    def late():
        model = make_model()
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        parameters = FlatParameters(model)
        round = pair[1].round_begin().wait(WAIT_S)
        healing.heal(pair[1], round, _core.Diloco(parameters.read(parameters.new()), 0.7, 0.9))
        diloco = DiLoCo(model, optimizer, pair[1], sync_every=1, rounds_max=2)
        inner_steps(model, optimizer, 3, 1)
        return diloco.committed, diloco.digest()

    first, second = run_replicas([replica, late])
    assert first == second and first[0] == 2


def left_behind(times: int, monkeypatch) -> None:
    """The first healings end as in a round that the others have left."""
    finish, calls = healing.Healing.finish, iter(range(times))

    def wrapped(self):
        if next(calls, None) is not None:
            raise errors.StaleRound("op 1 is long over; this peer was left behind")
        finish(self)

    monkeypatch.setattr(healing.Healing, "finish", wrapped)


def test_left_behind_while_healing_it_begins_again(make_group, monkeypatch):
    left_behind(1, monkeypatch)
    model = make_model()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    seen = []
    diloco = DiLoCo(model, optimizer, make_group("alone"), sync_every=1, observer=seen.append)
    assert diloco.round.round == 2
    assert [(p.what, "left behind" in p.fields.get("reason", "")) for p in seen] == [
        ("excluded", True),
        ("begin", False),
    ]
    inner_steps(model, optimizer, 1, 1)
    assert diloco.committed == 2


def test_left_behind_for_ever_says_so(make_group, monkeypatch):
    left_behind(3, monkeypatch)
    monkeypatch.setattr(whimbrel.torch.diloco, "HEALS_MAX", 3)
    model = make_model()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    group = make_group("alone")
    with pytest.raises(errors.StaleRound, match="left behind"):
        DiLoCo(model, optimizer, group, sync_every=1)
    assert group.info().round == 3


def test_a_first_round_without_a_result_loses_nothing(pair):
    """All weights zero: round 1 brings nothing, nothing is committed, and what was learnt is proposed again."""
    def job(n):
        model = make_model(seed=n)
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        weights = iter([0.0, 1.0])
        diloco = DiLoCo(
            model,
            optimizer,
            pair[n],
            sync_every=1,
            outer_lr=1.0,
            outer_momentum=0.0,
            weight=lambda: next(weights),
            rounds_max=2,
        )
        start = flat(model)
        inner_steps(model, optimizer, n, 1)
        learnt = flat(model)
        assert (diloco.committed, diloco.round.round, diloco.outer_steps) == (0, 2, 0)
        assert not torch.equal(start, learnt), "the module keeps what it learnt"
        inner_steps(model, optimizer, n, 1)
        assert diloco.committed == 2
        return start, flat(model)

    (start, end), (start_2, end_2) = run_replicas([lambda: job(0), lambda: job(1)])
    assert torch.equal(start, start_2) and torch.equal(end, end_2)
