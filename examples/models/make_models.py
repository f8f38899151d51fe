"""Make the example pairs beside this script: small character transformers, trained and then fine-tuned.

    pip install 'sapwood[torch]' safetensors
    python examples/models/make_models.py

Both networks learn to write Python's documentation: the base is trained on the docstrings of the standard
library's modules, the target is that network fine-tuned on those of its ``asyncio`` package. Nothing is
downloaded. It takes some ten minutes on two cores. Another processor rounds otherwise, so the files come out
alike in kind but not byte for byte.
"""

# torch is not looked into: mypy must say the same whether it is installed or not.
# mypy: disallow-subclassing-any=False

import ast
import math
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

HERE = Path(__file__).parent
CONTEXT = 128
BATCH = 16
# Printable ASCII and the newline; every other character is written as a question mark.
ALPHABET = [chr(10), *map(chr, range(32, 127))]
CODES = {character: code for code, character in enumerate(ALPHABET)}
BASE_STEPS, BASE_RATE = 1000, 3e-3
TUNE_STEPS, TUNE_RATE = 60, 2e-5


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            setattr(self, name, nn.Linear(width, width, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        q, k, v = (
            project(x).view(batch, length, self.heads, -1).transpose(1, 2)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o_proj(mixed.transpose(1, 2).reshape(batch, length, width))


class Mlp(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.up_proj = nn.Linear(width, 4 * width)
        self.down_proj = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(nn.functional.gelu(self.up_proj(x)))


class Layer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.input_norm = nn.LayerNorm(width)
        self.self_attn = Attention(width, heads)
        self.post_attention_norm = nn.LayerNorm(width)
        self.mlp = Mlp(width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.self_attn(self.input_norm(x))
        return x + self.mlp(self.post_attention_norm(x))


class Writer(nn.Module):
    """A decoder-only transformer over characters; the output shares the embedding's weights."""

    def __init__(self, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(len(ALPHABET), width)
        self.embed_positions = nn.Embedding(CONTEXT, width)
        self.layers = nn.ModuleList(Layer(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        for name, weights in self.named_parameters():
            if weights.dim() > 1:
                scale = (
                    0.02 / math.sqrt(2 * layers)
                    if name.endswith(("o_proj.weight", "down_proj.weight"))
                    else 0.02
                )
                nn.init.normal_(weights, std=scale)

    def forward(self, codes: Tensor) -> Tensor:
        x = self.embed_tokens(codes) + self.embed_positions.weight[: codes.shape[1]]
        for layer in self.layers:
            x = layer(x)
        return self.norm(x) @ self.embed_tokens.weight.T


def docstrings(paths: list[Path]) -> Iterator[str]:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, kinds) and (text := ast.get_docstring(node)):
                yield text


def corpus(folder: Path) -> Tensor:
    text = "\n\n".join(docstrings(sorted(folder.glob("*.py"))))
    return torch.tensor([CODES.get(character, CODES["?"]) for character in text])


def train(model: Writer, data: Tensor, steps: int, peak: float) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=peak, betas=(0.9, 0.95), weight_decay=0.01)
    warm = max(1, steps // 20)
    started = time.perf_counter()
    for step in range(steps):
        for group in optimizer.param_groups:
            # Warm up, then fall to a tenth along a cosine.
            along = max(0, step - warm) / (steps - warm)
            group["lr"] = peak * min(1, (step + 1) / warm) * (0.55 + 0.45 * math.cos(math.pi * along))
        starts = torch.randint(len(data) - CONTEXT - 1, (BATCH,))
        rows = torch.stack([data[start : start + CONTEXT + 1] for start in starts])
        loss = nn.functional.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 50 == 0 or step == steps - 1:
            print(f"step {step:4} loss {loss.item():.3f} {time.perf_counter() - started:.0f} s", flush=True)


def save(model: Writer, name: str, dtype: torch.dtype) -> None:
    tensors = {name: weights.to(dtype).contiguous() for name, weights in model.state_dict().items()}
    path = HERE / f"{name}.safetensors"
    save_file(tensors, path)
    print(f"{path.name}: {path.stat().st_size:,} bytes")


def main() -> int:
    library = Path(sysconfig.get_paths()["stdlib"])
    general, special = corpus(library), corpus(library / "asyncio")
    print(f"{len(general):,} characters to train on, {len(special):,} to fine-tune on")
    for name, dtype, width, layers, heads in (
        ("writer-bf16", torch.bfloat16, 128, 6, 4),
        ("writer-f32", torch.float32, 64, 6, 4),
    ):
        torch.manual_seed(0)
        model = Writer(width, layers, heads)
        train(model, general, BASE_STEPS, BASE_RATE)
        save(model, f"{name}-base", dtype)
        train(model, special, TUNE_STEPS, TUNE_RATE)
        save(model, f"{name}-tuned", dtype)
    return 0


if __name__ == "__main__":
    sys.exit(main())
