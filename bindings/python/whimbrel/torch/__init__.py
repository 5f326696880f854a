"""Training PyTorch models over a whimbrel group. `whimbrel` itself does not need torch; this does."""

from whimbrel.torch.diloco import DiLoCo, Progress

__all__ = ["DiLoCo", "Progress"]
