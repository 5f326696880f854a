"""Training PyTorch models over a whimbrel group. `whimbrel` itself does not need torch; this does."""

from whimbrel.torch.diloco import DiLoCo, Progress, RunIsOver

__all__ = ["DiLoCo", "Progress", "RunIsOver"]
