"""Trains the mixer's weights to be right early in a message.

What the text leaves is right for a model that has seen the same kind for long. So the model is put before
many short messages as it will be used, each time anew, learns each as it always does, and the weights move
a step towards where all of them went: Reptile (Nichol, Achiam, Schulman, "On first-order meta-learning
algorithms", 2018), with the coder's own integers as the inner loop.
"""

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from sapwood._core import ByteModel
from sapwood.bytecoder.message import LEAST_RECORDS
from sapwood.bytecoder.record import record_length
from sapwood.bytecoder.training.corpus import Sample

__all__ = ["SIZES", "Message", "messages", "train_weights", "weigh"]

SIZES: Final = (256, 1024, 4096)
_BATCH: Final = 64
# Of the first step; the last ones are small, so that chance in their messages counts little.
_RATE: Final = 1.0
# A weight that few messages touch moves by less.
_SURE_FROM: Final = 4
# Of 8192, which is a weight of one.
_UNIT: Final = 16
_SHORTEST: Final = 128
_LONGEST: Final = 8192

_Weights = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Message:
    """Some bytes of a file."""

    kind: str
    content: bytes


def messages(samples: Sequence[Sample], size: int, count: int, seed: int) -> list[Message]:
    """Up to ``count`` of each kind, of ``size`` bytes, wherever they begin; fewer if files are shorter."""
    rng = random.Random(seed)  # noqa: S311  choices that can be made again
    out = []
    for kind in sorted({sample.kind for sample in samples}):
        long_enough = [sample for sample in samples if sample.kind == kind and len(sample.content) >= size]
        out += [Message(kind, _cut(rng.choice(long_enough), size, rng)) for _ in range(count) if long_enough]
    return out


def weigh(model: ByteModel, text: bytes, of: Sequence[Message]) -> dict[str, float]:
    """Bits a byte of each kind; no message counts more than its own bits."""
    scratch = model.copy()
    bits: dict[str, list[tuple[int, int]]] = {}
    for message in of:
        scratch.become(model)
        scratch.take_record(record_length(message.content, LEAST_RECORDS))
        coded = scratch.encode(text + message.content)
        size = len(message.content)
        bits.setdefault(message.kind, []).append((min(size, len(coded) or size), size))
    return {
        kind: 8 * sum(coded for coded, _ in each) / sum(size for _, size in each)
        for kind, each in bits.items()
    }


def train_weights(
    model: ByteModel,
    text: bytes,
    samples: Sequence[Sample],
    *,
    steps: int,
    seed: int,
    threads: int,
    after: Callable[[int], None],
) -> None:
    """Train the weights of ``model``, which has learned ``text`` and stays as it is otherwise.

    Args:
        model: Its weights are what is trained.
        text: What it has learned.
        samples: Where messages are cut from: of each kind as many.
        steps: Of 64 messages each.
        seed: Of all choices.
        threads: Messages at once; the result is the same with any number.
        after: Is told how many steps are done.
    """
    rng = random.Random(seed)  # noqa: S311  choices that can be made again
    by_kind: dict[str, dict[str, list[Sample]]] = {}
    for sample in samples:
        by_kind.setdefault(sample.kind, {}).setdefault(sample.source, []).append(sample)
    kinds = sorted(by_kind)
    weights = _read(model).astype(np.float64)
    scratch = [model.copy() for _ in range(threads)]

    def moves(job: tuple[ByteModel, Sequence[bytes]]) -> tuple[_Weights, _Weights]:
        learner, contents = job
        moved, touched = np.zeros_like(weights), np.zeros_like(weights)
        start = _read(model).astype(np.float64)
        for content in contents:
            learner.become(model)
            learner.take_record(record_length(content, LEAST_RECORDS))
            learner.learn(text + content)
            move = _read(learner) - start
            moved += move
            touched += move != 0
        return moved, touched

    with ThreadPoolExecutor(threads) as pool:
        for step in range(steps):
            batch = []
            for _ in range(_BATCH):
                sources = by_kind[rng.choice(kinds)]
                sample = rng.choice(sources[rng.choice(sorted(sources))])
                size = 2 ** rng.randint(_SHORTEST.bit_length() - 1, _LONGEST.bit_length() - 1)
                batch.append(_cut(sample, min(size, len(sample.content)), rng))
            jobs = [(learner, batch[i::threads]) for i, learner in enumerate(scratch)]
            # Sums of whole numbers: the order of threads changes nothing.
            moved, touched = (sum(parts) for parts in zip(*pool.map(moves, jobs), strict=True))
            weights += _RATE * (1 - step / steps) * moved / np.maximum(touched, _SURE_FROM)
            # Coarse numbers take a third less room in the file, and no more bits in messages.
            whole = np.rint(weights / _UNIT) * _UNIT
            model.take_weights(np.clip(whole, -32768, 32767).astype("<i2").tobytes())
            after(step + 1)


def _read(model: ByteModel) -> npt.NDArray[np.int16]:
    return np.frombuffer(model.weights(), "<i2")


def _cut(sample: Sample, size: int, rng: random.Random) -> bytes:
    at = rng.randrange(len(sample.content) - size + 1)
    return sample.content[at : at + size]
