"""A small replica as a process of its own, for test_processes.py: trains until told to stop, prints what
happens.

replica.py INVITE NAME SEED. Prints "what round" lines; ends with "done DIGEST" after the round that SIGTERM
falls into.
"""

import signal
import sys

import torch
import whimbrel
from whimbrel.torch import DiLoCo


def main() -> None:
    invite, name, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(64, 256), torch.nn.ReLU(), torch.nn.Linear(256, 64))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

    def observe(progress) -> None:
        value = progress.fields.get("round") or progress.fields.get("commit") or progress.fields.get("info")
        note = " ".join(m.name for m in value.participants) if progress.what == "begin" else ""
        print(progress.what, getattr(value, "round", 0), progress.fields.get("reason", note), flush=True)

    last = int(sys.argv[4])
    with whimbrel.Group(invite, name=name, listen="127.0.0.1:0", worker_threads=1) as group:
        group.join().wait(60)
        diloco = DiLoCo(model, optimizer, group, sync_every=4, rounds_max=last, observer=observe)
        while not diloco.finished:
            x = torch.randn(16, 64)
            (model(x) - x).square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()
            signal.sigtimedwait([], 0.02)  # as if a step took a while
        print("done", diloco.committed, diloco.digest().hex(), flush=True)
        group.leave("finished").wait(10)


if __name__ == "__main__":
    main()
