"""Joining, leaving, rounds, records and events, over TLS on loopback."""

import socket
import subprocess
import sys
import threading
import time
import weakref

import pytest
import whimbrel
from conftest import WAIT_S, begin, commit, wait_all
from test_diloco import run_replicas
from whimbrel import errors


def test_one_peer_joins_and_sees_itself(make_group):
    group = make_group("alone", region="here")
    assert (
        group.info().incarnation == 1 and group.info().rank is None
    )  # admitted: in the view from the next round on
    begin([group])
    info, view = group.info(), group.view()
    assert (info.name, info.run, info.rank, info.world_size) == ("alone", "test", 0, 1)
    assert [m.name for m in view.members] == ["alone"]
    assert view.members[0].is_self and view.members[0].id == info.id and view.members[0].region == "here"
    assert len(view.links) == 1
    assert group.waiting_for() == ""


def test_a_peer_that_nobody_can_dial_says_so(make_group):
    group = make_group("behind-nat", outbound_only=True)
    begin([group])
    assert group.view().members[0].outbound_only and group.view().members[0].addresses == ""


def test_links_tell_what_they_measured(trio):
    wait_all([group.barrier() for group in trio])
    view = trio[0].view()
    for member, link in zip(view.members, view.links, strict=True):
        assert link.up is not member.is_self
        assert link.via == "" and (link.strands_reason == "") is member.is_self
        assert link.rtt_smoothed_s == pytest.approx(link.rtt_min_s + link.queueing_delay_s)
        assert link.rtt_p99_s >= 0 and link.path_rtt_s >= 0 and link.bytes_retransmitted >= 0
        assert link.rate_sent_bytes_per_s >= 0 and link.rate_received_bytes_per_s >= 0
        assert link.strands_used <= link.strands_open
        assert link.pace_bytes_per_s == 0, "a path of this machine is too short to be paced"
        assert (link.pace_reason == "") is member.is_self and link.lossy is False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def test_a_peer_that_cannot_be_dialled_is_told_and_goes_on_as_outbound_only(make_group):
    nowhere = f"127.0.0.1:{free_port()}"
    group = make_group("walled", advertise=nowhere)
    told = [e.text for e in group.events() if e.kind == whimbrel.EventKind.NOT_REACHED]
    assert len(told) == 1 and told[0].startswith(
        f"coordinator -> walled at {nowhere}: connection refused (nobody listens there)"
    )
    begin([group])
    assert group.view().members[0].outbound_only


def test_a_peer_may_ask_to_be_refused_when_it_cannot_be_dialled(make_group):
    nowhere = f"127.0.0.1:{free_port()}"
    group = make_group("strict", joined=False, advertise=nowhere, require_reachable=True)
    with pytest.raises(errors.Unreachable, match=f"at {nowhere}: connection refused"):
        group.join().wait(WAIT_S)


def test_the_address_that_answers_comes_first(make_group):
    nowhere = f"127.0.0.1:{free_port()}"
    group = make_group("two-homed", advertise=f"{nowhere},127.0.0.1:0")
    begin([group])
    me = group.view().members[0]
    assert not me.outbound_only and me.addresses.split(",") == [group.info().listen, nowhere]


def test_a_closed_group_says_so(make_group):
    group = make_group("closed")
    group.close()
    group.close()
    with pytest.raises(errors.WrongState, match="closed"):
        group.info()


def test_closing_inside_a_callback_is_refused(trio):
    works = [group.barrier() for group in trio[:2]]
    caught, called = [], threading.Event()

    def close(_):
        try:
            trio[0].close()
        except errors.Error as error:
            caught.append(error)
        called.set()

    works[0].add_done_callback(close)
    wait_all([*works, trio[2].barrier()])
    assert called.wait(WAIT_S)
    assert [type(error) for error in caught] == [errors.WouldDeadlock]
    assert trio[0].info().rank == 0
    wait_all([group.barrier() for group in trio])
    trio[0].close()
    with pytest.raises(errors.WrongState, match="closed"):
        trio[0].info()


def test_a_group_that_goes_away_inside_a_callback_is_gone(coordinator, make_group):
    other = make_group("other")
    group = whimbrel.Group(coordinator.invite(), name="short-lived", listen="127.0.0.1:0", worker_threads=1)
    group.join().wait(WAIT_S)
    begin([other, group])
    host, port = group.info().listen.rsplit(":", 1)
    entered, go_on = threading.Event(), threading.Event()
    work = group.barrier()
    work.add_done_callback(lambda _: (entered.set(), go_on.wait(WAIT_S)))
    other_work = other.barrier()
    assert entered.wait(WAIT_S)
    alive = weakref.ref(group)
    del group, work
    assert alive() is not None, "the callback holds it"
    go_on.set()
    deadline = time.monotonic() + WAIT_S
    while True:  # nobody listens there any more
        with socket.socket() as probe:
            if probe.connect_ex((host, int(port))) != 0:
                break
        assert time.monotonic() < deadline, "the group lives on although nobody has it"
        time.sleep(0.05)
    assert alive() is None
    other_work.wait(WAIT_S)


def test_closing_waits_for_calls_of_other_threads(make_group):
    for n in range(5):
        group = make_group(f"asked-{n}", joined=False)
        asking = [threading.Event() for _ in range(3)]

        def ask(call, started):
            with pytest.raises(errors.WrongState, match="closed"):
                while True:
                    call()
                    started.set()

        calls = (group.info, group.view, group.waiting_for)
        jobs = [lambda c=c, s=s: ask(c, s) for c, s in zip(calls, asking, strict=True)]
        jobs.append(lambda: ([started.wait(WAIT_S) for started in asking], group.close()))
        run_replicas(jobs)


def test_a_bad_invite_is_refused(coordinator):
    with pytest.raises(errors.Token):
        whimbrel.Group("not-an-invite", listen="127.0.0.1:0")


def test_another_fingerprint_is_refused(make_group):
    make_group("first", fingerprint=1)
    with pytest.raises(errors.Refused):
        make_group("second", fingerprint=2)


def test_rounds_begin_and_commit_alike(trio):
    infos = [group.info() for group in trio]
    assert [i.round for i in infos] == [1, 1, 1]
    outcomes = commit(trio, digest=bytes(range(16)))
    for outcome in outcomes:
        assert outcome.committed and outcome.round == 1 and outcome.digest == bytes(range(16))
        assert [m.id for m in outcome.contributors] == [i.id for i in infos]
    rounds = begin(trio, state_round=1)
    assert [r.rank for r in rounds] == [0, 1, 2]
    assert all(r.round == 2 and r.committed == 1 and r.world_size == 3 and not r.healing_any for r in rounds)


def test_a_record_keeps_each_peers_bytes(trio):
    works = [
        group.round_commit(bytes(16), f"position {n}".encode(), samples=n) for n, group in enumerate(trio)
    ]
    for work in works:
        work.wait(WAIT_S)
    record = trio[1].round_record(1).wait(WAIT_S)
    assert [(v.id, v.data, v.samples) for v in record.votes] == [
        (group.info().id, f"position {n}".encode(), n) for n, group in enumerate(trio)
    ]
    assert record.round == 1 and record.participants == 3
    with pytest.raises(errors.Invalid, match="no record"):
        trio[1].round_record(77).wait(WAIT_S)


def test_a_newcomer_is_told_to_heal(trio, make_group):
    commit(trio)
    newcomer = make_group("newcomer")
    waiting = newcomer.round_begin()
    with pytest.raises(TimeoutError):
        waiting.wait(0.5)  # newcomers wait for the members, not the other way round
    rounds = [*begin(trio, state_round=1), waiting.wait(WAIT_S)]
    assert [r.heal_self for r in rounds] == [False, False, False, True]
    assert all(r.healing_any and r.donor_rank in (0, 1, 2) for r in rounds)
    assert [m.name for m in rounds[0].joined] == ["newcomer"]


def test_one_who_leaves_is_not_waited_for(trio):
    commit(trio)
    trio[2].leave("enough").wait(WAIT_S)
    rounds = begin(trio[:2], state_round=1)
    assert [r.world_size for r in rounds] == [2, 2]
    assert [(m.name, m.reason, m.by_own_wish) for m in rounds[0].left] == [("peer-2", "enough", True)]


def test_a_wrong_digest_is_named(trio):
    works = [group.round_commit(bytes([n == 2] * 16)) for n, group in enumerate(trio)]
    assert works[0].wait(WAIT_S).committed
    with pytest.raises(errors.Diverged):
        works[2].wait(WAIT_S)
    outcome = works[2].outcome()
    assert outcome is not None and outcome.committed and outcome.digest == bytes(16)
    assert [m.name for m in outcome.diverged] == ["peer-2"]


def test_events_tell_of_newcomers(make_group):
    group = make_group("first")
    kinds = {event.kind for event in group.events()}
    assert whimbrel.EventKind.JOINED in kinds
    assert group.fileno() >= 0
    assert whimbrel.EventKind(1000) is whimbrel.EventKind.UNKNOWN


def test_the_coordinator_restarts_on_its_disk(tmp_path):
    with whimbrel.Coordinator("again", tmp_path, listen="127.0.0.1:0") as first:
        address = first.address
        group = whimbrel.Group(first.invite(), name="one", listen="127.0.0.1:0")
        group.join().wait(WAIT_S)
        begin([group])
        commit([group])
    with whimbrel.Coordinator("again", tmp_path, listen=address), group:
        (round,) = begin([group], state_round=1)
        assert (round.round, round.committed, round.heal_self) == (2, 1, False)


def test_an_open_group_does_not_hinder_the_exit(coordinator):
    program = (
        "import sys, whimbrel\n"
        "group = whimbrel.Group(sys.argv[1], listen='127.0.0.1:0')\n"
        "group.join().wait(20)\n"
        "work = group.round_begin()\n"
        "print('bye')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, coordinator.invite()], capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, done.stdout) == (0, "bye\n"), done.stderr


def test_the_package_prints_its_version():
    done = subprocess.run(
        [sys.executable, "-m", "whimbrel", "--version"], capture_output=True, text=True, timeout=30
    )
    assert done.stdout == f"whimbrel {whimbrel.__version__}\n"
