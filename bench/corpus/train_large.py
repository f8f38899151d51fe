"""Train a large model on one accelerator and keep the steps a bench needs: what a data centre updates.

    python -m bench.corpus.train_large OUT_DIR [--width 2048 --layers 21] [--steps 300] [--f32] [--adam]

A byte-level causal transformer (GELU, pre-norm, tied embedding; 1.06 B parameters by default) learns the
Python standard library's sources from random weights with AdamW at lr 3e-4, weights in f32 and products in
bf16. Then it goes on as a policy does in reinforcement learning: eight steps at lr 3e-6.

What is written (safetensors, in OUT_DIR):
    rl/{step0,step1,step8}.safetensors   bf16 casts of the f32 weights: before, after one step, after eight
    f32/{step0,step8}.safetensors        with --f32: the f32 weights themselves
    adam/{step0,step8}.safetensors       with --adam: both moments of AdamW for the same steps, in f32

Needs torch and safetensors, and memory for 16 bytes a parameter.
"""

from __future__ import annotations

import argparse
import sys
import sysconfig
import time
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

SEED, CONTEXT = 0, 256


class Block(nn.Module):  # type: ignore[misc]  # torch may be missing where types are checked
    """Attention and a two-layer network, each behind a norm."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Any) -> Any:
        many, length, width = x.shape
        parts = self.qkv(self.norm_1(x)).view(many, length, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.out(seen.transpose(1, 2).reshape(many, length, width))
        return x + self.down(functional.gelu(self.up(self.norm_2(x))))


class Network(nn.Module):  # type: ignore[misc]  # the same
    """Bytes in, logits of the next byte out."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.symbol, self.place = nn.Embedding(256, width), nn.Embedding(CONTEXT, width)
        self.blocks = nn.ModuleList(Block(width, max(1, width // 128)) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        for weights in (self.symbol.weight, self.place.weight):
            nn.init.normal_(weights, std=0.02)

    def forward(self, symbols: Any) -> Any:
        x = self.symbol(symbols) + self.place.weight[: symbols.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.norm(x) @ self.symbol.weight.T


def corpus(device: str) -> Any:
    """The standard library's sources, as one row of bytes."""
    files = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))
    return torch.frombuffer(bytearray(b"".join(file.read_bytes() for file in files)), dtype=torch.uint8).to(
        device
    )


def train(net: Any, optimizer: Any, text: Any, draw: torch.Generator, batch: int) -> float:
    """One step; the loss in nats a byte."""
    starts = torch.randint(len(text) - CONTEXT - 1, (batch, 1), generator=draw).to(text.device)
    rows = text[starts + torch.arange(CONTEXT + 1, device=text.device)].long()
    with torch.autocast(text.device.type, torch.bfloat16):
        logits = net(rows[:, :-1])
    loss = functional.cross_entropy(logits.float().flatten(0, 1), rows[:, 1:].flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimizer.step()
    return float(loss.detach())


def save(state: dict[str, Any], path: Path, dtype: torch.dtype) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: tensor.detach().to("cpu", dtype).contiguous() for name, tensor in state.items()}, str(path)
    )
    print("wrote", path, flush=True)


def moments(net: Any, optimizer: Any) -> dict[str, Any]:
    return {
        f"{kind}.{name}": optimizer.state[weights][kind]
        for name, weights in net.named_parameters()
        for kind in ("exp_avg", "exp_avg_sq")
    }


def main() -> int:
    options = _options()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(SEED)
    net = Network(options.width, options.layers).to(device)
    text, draw = corpus(device), torch.Generator().manual_seed(SEED)
    print(f"{sum(weights.numel() for weights in net.parameters()):,} parameters on {device}", flush=True)
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-4, weight_decay=0.01)
    began = time.perf_counter()
    for step in range(options.steps):
        loss = train(net, optimizer, text, draw, options.batch)
        if step % 50 == 0 or step == options.steps - 1:
            print(f"step {step} loss {loss:.4f} at {time.perf_counter() - began:.0f} s", flush=True)
    optimizer.param_groups[0]["lr"] = 3e-6
    for step in range(9):
        if step:
            train(net, optimizer, text, draw, options.batch)
        if step in (0, 1, 8):
            save(net.state_dict(), options.out / "rl" / f"step{step}.safetensors", torch.bfloat16)
        if options.f32 and step in (0, 8):
            save(net.state_dict(), options.out / "f32" / f"step{step}.safetensors", torch.float32)
        if options.adam and step in (0, 8):
            save(moments(net, optimizer), options.out / "adam" / f"step{step}.safetensors", torch.float32)
    return 0


def _options() -> argparse.Namespace:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("out", type=Path, help="where the files go")
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--layers", type=int, default=21)
    parser.add_argument("--steps", type=int, default=300, help="steps of training before the first file")
    parser.add_argument("--batch", type=int, default=32, help=f"rows of {CONTEXT} bytes a step")
    parser.add_argument("--f32", action="store_true", help="keep the f32 weights too")
    parser.add_argument("--adam", action="store_true", help="keep the optimizer's moments too")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
