"""DiLoCo over real groups, one thread for each replica: the mathematics, healing, and equal digests."""

import copy
import threading

import numpy as np
import pytest
import torch
import whimbrel
from torch import nn
from whimbrel.torch import DiLoCo, RunIsOver
from whimbrel.torch.parameters import FlatParameters


class Tied(nn.Module):
    """Two layers that share a weight, and one of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 6)
        self.second = nn.Linear(6, 6)
        self.second.weight = self.first.weight
        self.norm = nn.BatchNorm1d(6)

    def forward(self, x):
        return self.second(torch.relu(self.norm(self.first(x))))


_seeding = threading.Lock()


def make_model(seed: int = 0) -> Tied:
    """The same parameters for the same seed. torch's generator is one for all threads: one model at a time."""
    with _seeding:
        torch.manual_seed(seed)
        return Tied()


def inner_steps(model, optimizer, seed: int, steps: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        loss = model(torch.randn(8, 6, generator=generator)).square().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()


def run_replicas(jobs):
    """Calls each job in a thread of its own; what they return, in order. The first error is raised."""
    results, errors = [None] * len(jobs), []

    def run(n):
        try:
            results[n] = jobs[n]()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(n,), daemon=True) for n in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a replica does not come to its end"
    if errors:
        raise errors[0]
    return results


def test_flat_parameters_count_tied_weights_once():
    model = make_model()
    flat = FlatParameters(model)
    assert flat.count == 36 + 6 + 6 + 12
    values = flat.read(flat.new())
    flat.write(values + 1)
    assert torch.equal(flat.read(flat.new()), values + 1)
    assert model.first.weight is model.second.weight


def test_bfloat16_parameters_are_read_as_float32():
    layer = nn.Linear(4, 4).to(torch.bfloat16)
    flat = FlatParameters(layer)
    before = flat.read(flat.new())
    assert before.dtype == torch.float32
    flat.write(before)
    assert torch.equal(flat.read(flat.new()), before)


def test_what_a_module_cannot_hold_is_no_movement(make_group):
    """The anchor of a bfloat16 module is finer than the module: standing still moves nothing."""
    model = torch.nn.Linear(7, 3).to(torch.bfloat16)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    group = make_group("alone")
    diloco = DiLoCo(model, optimizer, group, sync_every=1, outer_lr=0.37, outer_momentum=0.0)

    def step(gradient):
        for p in model.parameters():
            p.grad = torch.full_like(p, gradient)
        optimizer.step()

    step(0.3)
    anchor = diloco._anchor.clone()
    parameters = FlatParameters(model)
    live = parameters.read(parameters.new())
    assert not torch.equal(anchor, live) and torch.equal(anchor.to(torch.bfloat16).float(), live)
    step(0.0)
    assert diloco.committed == 2
    assert torch.allclose(diloco._anchor, anchor, rtol=0, atol=1e-8)


def test_who_misses_the_last_round_is_told(make_group, monkeypatch):
    monkeypatch.setattr("whimbrel.torch.membership.ON_WAIT_S", 0.2)
    model = make_model()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    group = make_group("first")
    told = []
    diloco = DiLoCo(
        model, optimizer, group, sync_every=1, rounds_max=2, observer=lambda p: told.append(p.what)
    )
    inner_steps(model, optimizer, 1, 2)
    assert diloco.finished and diloco.committed == 2
    late = make_model()
    with pytest.raises(RunIsOver, match="round 2, the last, was committed without this replica"):
        DiLoCo(late, torch.optim.SGD(late.parameters(), 0.1), make_group("late"), sync_every=1, rounds_max=2)

    def over(on_wait):  # as for one that was left out of the last round
        raise RunIsOver("the last round was committed without this replica")

    diloco.finished, diloco._membership.state_round = False, 1
    diloco._membership.begin = over
    inner_steps(model, optimizer, 1, 1)
    assert diloco.finished and told[-1] == "missed"


def test_what_cannot_be_trained_is_refused():
    with pytest.raises(ValueError, match="no parameters"):
        FlatParameters(nn.ReLU())


def test_one_replica_that_averages_is_left_as_it_is(make_group):
    model, alone = make_model(), make_model()
    optimizer, plain = torch.optim.SGD(model.parameters(), 0.1), torch.optim.SGD(alone.parameters(), 0.1)
    diloco = DiLoCo(model, optimizer, make_group("alone"), sync_every=3, outer_lr=1.0, outer_momentum=0.0)
    inner_steps(model, optimizer, 7, 6)
    inner_steps(alone, plain, 7, 6)
    assert (diloco.outer_steps, diloco.committed, diloco.local_steps, diloco.step) == (2, 2, 0, 6)
    for ours, theirs in zip(model.parameters(), alone.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)


def test_plain_averaging_is_the_mean_of_the_parameters(make_group):
    """eta = 1, mu = 0, one round: the anchor becomes the mean of what the replicas had trained."""
    alone = []
    for seed in (1, 2):
        model = make_model()
        inner_steps(model, torch.optim.SGD(model.parameters(), 0.1), seed, 4)
        alone.append(FlatParameters(model).read(FlatParameters(model).new()))
    groups = [make_group(f"r{n}") for n in range(2)]

    def job(n):
        model = make_model()
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        diloco = DiLoCo(
            model, optimizer, groups[n], sync_every=4, outer_lr=1.0, outer_momentum=0.0, rounds_max=1
        )
        if diloco.round.world_size == 2:
            inner_steps(model, optimizer, n + 1, 4)
        return (
            diloco.round.world_size,
            diloco.digest(),
            FlatParameters(model).read(FlatParameters(model).new()),
        )

    (size, digest, flat), (_, digest_2, flat_2) = run_replicas([lambda: job(0), lambda: job(1)])
    assert size == 2 and digest == digest_2
    assert torch.equal(flat, flat_2)
    assert torch.allclose(flat, (alone[0] + alone[1]) / 2, atol=1e-6)


def test_through_a_codec_replicas_stay_equal(make_group):
    groups = [make_group(f"r{n}") for n in range(2)]

    def replica(n):
        model = make_model(seed=n)
        inner = torch.optim.SGD(model.parameters(), lr=0.05)
        sync = DiLoCo(model, inner, groups[n], sync_every=2, codec="int8", rounds_max=3)
        while not sync.finished:
            inner_steps(model, inner, seed=10 + n, steps=1)
        return [p.detach().clone() for p in model.parameters()]

    first, second = run_replicas([lambda n=n: replica(n) for n in range(2)])
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_nesterov_follows_the_formula():
    anchor, delta = np.array([1.0, 2.0], np.float32), np.array([0.5, -1.0], np.float32)
    state = whimbrel._core.Diloco(anchor, 0.7, 0.9)
    momentum = np.zeros(2, np.float32)
    for _ in range(3):
        momentum = np.float32(0.9) * momentum + delta
        anchor = anchor - np.float32(0.7) * (delta + np.float32(0.9) * momentum)
        state.apply(delta)
        state.commit()
    assert np.allclose(np.frombuffer(state.anchor(), np.float32), anchor, rtol=1e-6)
    assert state.steps == 3


def test_an_abort_undoes_bit_for_bit():
    state = whimbrel._core.Diloco(np.linspace(0, 1, 100, dtype=np.float32), 0.7, 0.9)
    state.apply(np.ones(100, np.float32))
    state.commit()
    before = state.digest()
    state.apply(np.full(100, 0.3, np.float32))
    assert state.provisional and state.digest() != before
    with pytest.raises(whimbrel.WrongState):
        state.apply(np.ones(100, np.float32))
    state.abort()
    assert state.digest() == before and not state.provisional and state.steps == 1
    with pytest.raises(whimbrel.WrongState):
        state.commit()


def test_replicas_stay_equal_and_newcomers_are_healed(make_group):
    """Different data and even different first parameters: equal digests after every round, also of one that
    joins."""
    founders = [make_group(f"r{n}") for n in range(2)]
    late = make_group("late", joined=False)
    digests: list[dict[int, bytes]] = [{}, {}, {}]
    joined = threading.Event()

    def job(n, group, rounds):
        if group is late:
            joined.wait(30)
            group.join().wait(30)
        model = make_model(seed=n)
        optimizer = torch.optim.AdamW(model.parameters(), 1e-2)

        def watch(progress):
            if progress.what == "commit":
                digests[n][progress.fields["commit"].round] = progress.fields["digest"]
                if progress.fields["commit"].round == 2:
                    joined.set()

        diloco = DiLoCo(model, optimizer, group, sync_every=2, rounds_max=rounds, observer=watch)
        while not diloco.finished:
            inner_steps(model, optimizer, seed=n * 1000 + diloco.step, steps=1)
        return diloco.digest(), copy.deepcopy(list(model.parameters())), diloco.outer_steps

    results = run_replicas([lambda n=n, g=g: job(n, g, 40) for n, g in enumerate([*founders, late])])
    assert results[0][0] == results[1][0] == results[2][0]
    assert results[0][2] == results[2][2] == 40
    for parameters in zip(*(result[1] for result in results), strict=True):
        assert torch.equal(parameters[0], parameters[1]) and torch.equal(parameters[0], parameters[2])
    assert digests[2] and min(digests[2]) > 2, "the newcomer took part"
    for round, digest in digests[2].items():
        assert digest == digests[0][round] == digests[1][round]


def test_commit_data_and_samples_are_recorded(make_group):
    group = make_group("alone")
    model = make_model()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    positions = iter(range(10))
    diloco = DiLoCo(
        model,
        optimizer,
        group,
        sync_every=1,
        samples=lambda: 8,
        commit_data=lambda: str(next(positions)).encode(),
    )
    inner_steps(model, optimizer, 1, 2)
    diloco.detach()
    inner_steps(model, optimizer, 1, 2)
    votes = [group.round_record(round).wait(10).votes for round in (1, 2)]
    assert [(v[0].data, v[0].samples) for v in votes] == [(b"0", 8), (b"1", 8)]
    assert diloco.committed == 2


def test_the_outer_step_has_the_same_bits_where_subnormals_are_flushed():
    """An element whose delta stays zero decays below the smallest normal number."""
    digests = []
    for flush in (False, True):
        torch.set_flush_denormal(flush)
        try:
            state = whimbrel._core.Diloco(np.zeros(64, np.float32), 0.7, 0.9)
            for mean in [1e-37] + [0.0] * 40:
                state.apply(np.full(64, mean, np.float32))
                state.commit()
            digests.append(state.digest())
        finally:
            torch.set_flush_denormal(False)
    assert digests[0] == digests[1]
