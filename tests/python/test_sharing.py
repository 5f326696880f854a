"""What ops and peers share: bounds of what a peer sends, priority and share of ops, the memory of a machine.

Times are compared with what the bound itself allows at most; nothing is said about how fast anything has to be.
"""

import time

import numpy as np
import pytest
import whimbrel
from conftest import WAIT_S, begin, wait_all

RATE = 4_000_000  # bytes per second
CHUNK = 16_384


def pair(make_group, **options) -> list[whimbrel.Group]:
    """Sender and receiver in a round of theirs. The options are the sender's."""
    groups = [make_group("sender", chunk_bytes=CHUNK, **options), make_group("receiver", chunk_bytes=CHUNK)]
    begin(groups)
    return groups


def seconds_of(groups: list[whimbrel.Group], size: int) -> float:
    started = time.monotonic()
    wait_all([group.broadcast(np.zeros(size, np.uint8), groups[0].info().rank) for group in groups])
    return time.monotonic() - started


def together(groups: list[whimbrel.Group], *options: dict) -> list[float]:
    """Broadcasts of equal size that are open at once: when the receiver had each, in seconds from the first.
    What a strand has taken when another op begins leaves first, 512 KiB with TLS: they are well above that."""
    sender, receiver = groups
    rank, size = sender.info().rank, RATE
    called, received, sent = [], [], []
    for n in range(len(options)):
        called.append(time.monotonic())
        received.append(receiver.broadcast(np.zeros(size, np.uint8), rank, tag=n))
    wait_all([group.barrier(tag=99) for group in groups])  # so the sender knows that all are wanted
    started = time.monotonic()
    for n, each in enumerate(options):
        sent.append(sender.broadcast(np.ones(size, np.uint8), rank, tag=n, **each))
    assert all(array.all() for array in wait_all(received))
    wait_all(sent)
    return [at + work.info().elapsed_s - started for at, work in zip(called, received, strict=True)]


@pytest.mark.parametrize("bound", ["rate_limit", "link_rate_limit"])
def test_a_group_begins_with_its_bound(make_group, bound):
    groups = pair(make_group, **{bound: RATE})
    assert seconds_of(groups, RATE) >= 0.95
    groups[0].set_rate_limits()
    assert seconds_of(groups, 20 * RATE) < 15  # not 20 s


def test_a_higher_priority_goes_first(make_group):
    low, high = together(pair(make_group, rate_limit=RATE), {"priority": 0}, {"priority": 1})
    assert high < 0.85 * low


def test_equals_get_their_shares(make_group):
    small, large = together(pair(make_group, link_rate_limit=RATE), {"share": 1}, {"share": 4})
    assert large < 0.85 * small


def test_every_collective_takes_priority_and_share(trio):
    place = {"priority": 2**32 - 1, "share": 2**32 - 1}
    values = [np.full(2, n, np.int64) for n in range(3)]
    wait_all([g.all_reduce(v, reduce="sum", **place) for g, v in zip(trio, values, strict=True)])
    wait_all([g.agree(v, "max", **place) for g, v in zip(trio, values, strict=True)])
    wait_all([g.broadcast(v, 2, **place) for g, v in zip(trio, values, strict=True)])
    wait_all([g.barrier(**place) for g in trio])
    assert [v.tolist() for v in values] == [[3, 3]] * 3


def test_the_path_on_one_machine_is_a_choice(make_group):
    groups = [make_group(name, same_host_path=name.split("-")[0]) for name in ("auto-0", "auto-1", "tcp-2")]
    begin(groups)
    deadline = time.monotonic() + WAIT_S
    while True:  # of a path through memory the system tells nothing
        wait_all([group.barrier() for group in groups])
        view = groups[0].view()
        links = {member.name: link for member, link in zip(view.members, view.links, strict=True)}
        if links["tcp-2"].path_rtt_s > 0 and links["auto-1"].rtt_min_s > 0:
            break
        assert time.monotonic() < deadline, "the link over TCP tells no round trip"
        time.sleep(0.05)
    assert links["auto-1"].path_rtt_s == 0


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"rate_limit": -1}, ValueError, "rate_limit -1: from 0 to 18446744073709551615"),
        ({"link_rate_limit": 2**64}, ValueError, "link_rate_limit 18446744073709551616: from 0 to"),
        ({"rate_limit": 1e6}, TypeError, "rate_limit: a whole number is needed, not float"),
        ({"same_host_path": "usb"}, ValueError, "same_host_path: there is no 'usb'; there are 'auto', 'tcp'"),
    ],
)
def test_wrong_options_of_a_group_are_named(make_group, options, error, words):
    with pytest.raises(error, match=words):
        make_group("wrong", joined=False, **options)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"priority": -1}, ValueError, "priority -1: from 0 to 4294967295"),
        ({"priority": "high"}, TypeError, "priority: a whole number is needed, not str"),
        ({"share": 0}, ValueError, "share 0: from 1 to 4294967295"),
        ({"share": 2**32}, ValueError, "share 4294967296: from 1 to 4294967295"),
    ],
)
def test_wrong_options_of_an_op_are_named(make_group, options, error, words):
    group = make_group("alone")
    begin([group])
    for start in (
        lambda: group.all_reduce(np.zeros(1, np.float32), **options),
        lambda: group.broadcast(np.zeros(1, np.float32), 0, **options),
        lambda: group.agree(np.zeros(1, np.int64), "max", **options),
        lambda: group.barrier(**options),
    ):
        with pytest.raises(error, match=words):
            start()
    with pytest.raises(ValueError, match="rate_limit -1: from 0"):
        group.set_rate_limits(-1)
