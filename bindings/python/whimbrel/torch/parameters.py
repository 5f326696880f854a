"""A module's parameters as one flat float32 tensor, the form in which the outer algorithm knows them."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class FlatParameters:
    """Copies between a module's parameters and flat float32 tensors, in the module's order of names.

    A tensor that several names share (tied weights) is there once. Buffers (running statistics) are not: they
    belong to each replica.
    """

    def __init__(self, module: nn.Module) -> None:
        self.parameters = [
            p for p in module.parameters() if p.requires_grad
        ]  # parameters() lists tied ones once
        if not self.parameters:
            raise ValueError("the module has no parameters to train")
        for p in self.parameters:
            if p.device.type not in ("cpu", "cuda") or not p.is_floating_point():
                raise TypeError(
                    f"a parameter is {p.dtype} on {p.device}; floating point on cpu or cuda is needed"
                )
        self.exact = all(p.dtype in (torch.float32, torch.float64) for p in self.parameters)  # holds any float32
        self.count = sum(p.numel() for p in self.parameters)

    def new(self) -> Tensor:
        return torch.empty(self.count, dtype=torch.float32)

    @torch.no_grad()
    def read(self, out: Tensor) -> Tensor:
        at = 0
        for p in self.parameters:
            out[at : at + p.numel()].copy_(p.detach().reshape(-1))
            at += p.numel()
        return out

    @torch.no_grad()
    def write(self, flat: Tensor) -> None:
        at = 0
        for p in self.parameters:
            p.copy_(flat[at : at + p.numel()].view_as(p))
            at += p.numel()
