"""A plain llama: RMSNorm, rotary positions, grouped-query attention, gated FFN. What the recipe trains.

Letters in shapes: B rows, T tokens, D hidden, F neurons, L layers, H heads, G kv heads, K head size, V vocabulary.
The activation is chosen by name ("silu", "relu", "fatrelu") and can be changed on a trained model: that is all that
"activation function substitution" is. forward() returns s and x1 of every layer, because the L1 loss and every
measure of sparsity are made of them.

    s  = activation(x W_gate)     (B, T, F)     FATReLU: s = g unless g < t or g <= 0, else 0 (not g - t)
    x1 = s * (x W_up)             (B, T, F)     out = x1 W_down

Rotary positions turn the two halves of a head against each other, as Hugging Face does; export.py permutes q and k
rows for files that turn adjacent pairs.
"""

import os
from dataclasses import asdict, dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class Config:
    vocab: int = 1536
    dim: int = 256
    ffn: int = 768
    layers: int = 6
    heads: int = 8
    kv_heads: int = 4
    context: int = 512
    rope_base: float = 10000.0
    eps: float = 1e-5
    activation: str = "silu"
    threshold: float = 0.0  # t of FATReLU


def activate(g, kind, t):
    """g (..., F), the gate before the activation -> s (..., F)"""
    if kind == "silu":
        return F.silu(g)
    if kind == "relu":
        return F.relu(g)
    if kind == "fatrelu":  # written so that NaN is never called inactive
        return torch.where((g < t) | (g <= 0), torch.zeros_like(g), g)
    raise ValueError(f'activation "{kind}" is unknown; known: silu, relu, fatrelu')


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.heads, self.kv_heads, self.size = c.heads, c.kv_heads, c.dim // c.heads
        self.q = nn.Linear(c.dim, c.heads * self.size, bias=False)
        self.k = nn.Linear(c.dim, c.kv_heads * self.size, bias=False)
        self.v = nn.Linear(c.dim, c.kv_heads * self.size, bias=False)
        self.o = nn.Linear(c.heads * self.size, c.dim, bias=False)

    def forward(self, x, cos, sin):  # x (B, T, D), cos and sin (T, K)
        B, T, D = x.shape
        q = self.q(x).view(B, T, self.heads, self.size).transpose(1, 2)  # (B, H, T, K)
        k = self.k(x).view(B, T, self.kv_heads, self.size).transpose(1, 2)  # (B, G, T, K)
        v = self.v(x).view(B, T, self.kv_heads, self.size).transpose(1, 2)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        n = self.heads // self.kv_heads
        k, v = k.repeat_interleave(n, 1), v.repeat_interleave(n, 1)  # query head i uses kv head i // n
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o(y.transpose(1, 2).reshape(B, T, D))


def rotate(x, cos, sin):  # x (B, H, T, K)
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat((-b, a), -1) * sin


class FFN(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.gate = nn.Linear(c.dim, c.ffn, bias=False)
        self.up = nn.Linear(c.dim, c.ffn, bias=False)
        self.down = nn.Linear(c.ffn, c.dim, bias=False)

    def forward(self, x):  # (B, T, D)
        s = activate(self.gate(x), self.c.activation, self.c.threshold)
        x1 = s * self.up(x)
        return self.down(x1), s, x1


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.attn_norm, self.attn = nn.RMSNorm(c.dim, c.eps), Attention(c)
        self.ffn_norm, self.ffn = nn.RMSNorm(c.dim, c.eps), FFN(c)

    def forward(self, x, cos, sin):
        x = x + self.attn(self.attn_norm(x), cos, sin)
        out, s, x1 = self.ffn(self.ffn_norm(x))
        return x + out, s, x1


class Llama(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.embed = nn.Embedding(c.vocab, c.dim)
        self.blocks = nn.ModuleList(Block(c) for _ in range(c.layers))
        self.norm = nn.RMSNorm(c.dim, c.eps)
        self.head = nn.Linear(c.dim, c.vocab, bias=False)  # untied: some engines insist on output.weight
        size = c.dim // c.heads
        angle = torch.outer(torch.arange(c.context).float(), c.rope_base ** (-torch.arange(0, size, 2).float() / size))
        angle = torch.cat((angle, angle), -1)  # (T, K)
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)
        for name, p in self.named_parameters():
            if p.dim() == 2:  # smaller where a matrix writes to the residual stream
                scale = 0.04 / (2 * c.layers) ** 0.5 if name.endswith(("o.weight", "down.weight")) else 0.04
                nn.init.normal_(p, std=scale * (256 / c.dim) ** 0.5)

    def use(self, activation, threshold=0.0):
        """Change the activation of an existing model; the weights stay."""
        self.c.activation, self.c.threshold = activation, threshold
        return self

    def forward(self, ids):
        """ids (B, T) -> logits (B, T, V), and for each layer (s, x1), both (B, T, F)"""
        T = ids.shape[1]
        if T > self.c.context:
            raise ValueError(f"{T} tokens are more than the context of {self.c.context}")
        x, cos, sin, inner = self.embed(ids), self.cos[:T], self.sin[:T], []
        for block in self.blocks:
            x, s, x1 = block(x, cos, sin)
            inner.append((s, x1))
        return self.head(self.norm(x)), inner


def save(path, model, **more):
    """Written to a temporary file and renamed: an interruption leaves the old checkpoint intact."""
    part = path.with_suffix(".part")
    torch.save({"config": asdict(model.c), "weights": model.state_dict(), **more}, part)
    os.replace(part, path)


def load(path):
    """-> (model, everything that was saved)"""
    saved = torch.load(path, map_location="cpu", weights_only=True)
    model = Llama(Config(**saved["config"]))
    model.load_state_dict(saved["weights"])
    return model, saved


def parameters(model):
    return sum(p.numel() for p in model.parameters())
