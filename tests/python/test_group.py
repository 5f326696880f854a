"""Joining, leaving, rounds, records and events, over TLS on loopback."""

import subprocess
import sys

import pytest
import whimbrel
from conftest import WAIT_S, begin, commit
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


def test_a_closed_group_says_so(make_group):
    group = make_group("closed")
    group.close()
    group.close()
    with pytest.raises(errors.WrongState, match="closed"):
        group.info()


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
    with pytest.raises(errors.Error):
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
