"""The demo's language model: a small GPT over ASCII characters.

Plain PyTorch, nothing of whimbrel: this is what a user brings. Input and output embedding are one tied
tensor, which the outer step must count once.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class GptOptions:
    vocabulary: int = 128  # ASCII
    context: int = 128
    layers: int = 4
    width: int = 128
    heads: int = 4


class Block(nn.Module):
    """Causal self-attention, then a two-layer perceptron; both added to what came in."""

    def __init__(self, options: GptOptions) -> None:
        super().__init__()
        width = options.width
        self.heads = options.heads
        self.norm_1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.attention_out = nn.Linear(width, width, bias=False)
        self.norm_2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        batch, time, width = x.shape
        qkv = self.qkv(self.norm_1(x)).view(batch, time, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.attention_out(attended.transpose(1, 2).reshape(batch, time, width))
        return x + self.down(F.gelu(self.up(self.norm_2(x)), approximate="tanh"))


class Gpt(nn.Module):
    """Logits for the next character at every place of a (batch, time) tensor of characters."""

    def __init__(self, options: GptOptions = GptOptions()) -> None:
        super().__init__()
        self.options = options
        self.characters = nn.Embedding(options.vocabulary, options.width)
        self.places = nn.Embedding(options.context, options.width)
        self.blocks = nn.ModuleList(Block(options) for _ in range(options.layers))
        self.norm = nn.LayerNorm(options.width)
        self.head = nn.Linear(options.width, options.vocabulary, bias=False)
        self.apply(self._initialise)
        for block in self.blocks:  # keeps the sum over the residual stream at unit scale
            for layer in (block.attention_out, block.down):
                nn.init.normal_(layer.weight, std=0.02 / (2 * options.layers) ** 0.5)
        self.head.weight = self.characters.weight

    @staticmethod
    def _initialise(module: nn.Module) -> None:
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.02)

    def forward(self, characters: Tensor) -> Tensor:
        places = torch.arange(characters.shape[1], device=characters.device)
        x = self.characters(characters) + self.places(places)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))

    def loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Mean cross entropy in nats per character."""
        return F.cross_entropy(self(inputs).flatten(0, 1), targets.flatten())


def make_model(seed: int, options: GptOptions = GptOptions()) -> Gpt:
    """The same seed gives the same parameters in every process."""
    torch.manual_seed(seed)
    return Gpt(options)
