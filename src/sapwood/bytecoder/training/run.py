"""A whole training: corpus in, model and what is known of it out."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sapwood._core import ByteModel, byte_weights
from sapwood.bytecoder.level import Level
from sapwood.bytecoder.prior import MOST_TEXT, Prior
from sapwood.bytecoder.training.corpus import Corpus, read_corpus
from sapwood.bytecoder.training.text import choose_text
from sapwood.bytecoder.training.weights import SIZES, messages, train_weights, weigh
from sapwood.errors import WrongCall

__all__ = ["COUNT", "STEPS", "TEXT", "Point", "Trained", "train"]

TEXT: Final = 512 << 10
STEPS: Final = 64
# Contexts of the text may not be surer than after one sight: messages differ from it.
COUNT: Final = 1
HELD_OUT: Final = 0.1
_EVERY: Final = 16
_HELD_MESSAGES: Final = 8


@dataclass(frozen=True, slots=True)
class Point:
    """Held-out messages of one size after some steps of training: bits a byte, the mean of all kinds."""

    level: Level
    step: int
    size: int
    bits: float


@dataclass(frozen=True, slots=True)
class Trained:
    """A model; ``meta`` tells of it in JSON's types: identity, shapes, corpus, seed, held-out bits a byte."""

    prior: Prior
    meta: dict[str, Any]
    curve: tuple[Point, ...]


def train(
    paths: Sequence[str | os.PathLike[str]],
    *,
    text_size: int = TEXT,
    steps: int = STEPS,
    held_out: float = HELD_OUT,
    seed: int = 1,
    licence: str = "",
    threads: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Trained:
    """Train a model of bytes for all levels.

    The same files, arguments and version of zstd give the same model, with any number of threads.

    Args:
        paths: Files and folders. The first folder of a path below them is the kind of what lies in it: all
        kinds get
            as much room in the model.
        text_size: Bytes of the model's text. Opening a model takes as long as encoding them.
        steps: Of training the weights, for each level; 0 leaves them as the text does.
        held_out: The share of the files that is not trained on and tells how good the model is.
        seed: Of all choices.
        licence: Of the corpus, for the record.
        threads: Messages at once; all processors by default.
        progress: Is told of each stage: its name, steps done, steps in all.

    Raises:
        MissingInput: A path is not there.
        WrongCall: There is nothing to train on, or an argument is out of its range.
    """
    if not 0 < text_size <= MOST_TEXT or steps < 0 or not 0 <= held_out < 1:
        raise WrongCall(
            "an argument of the training is out of its range",
            expected=f"text of 1 to {MOST_TEXT} bytes, steps from 0, held out from 0 to below 1",
            found=f"{text_size}, {steps}, {held_out}",
        )
    told = progress or (lambda _stage, _done, _total: None)
    started = time.perf_counter()
    told("read", 0, 1)
    corpus = read_corpus(paths, held_out, seed)
    told("choose the text", 0, 1)
    text = choose_text(corpus.training, text_size)
    untrained = Prior.make(text, COUNT, {})
    tests = {size: messages(corpus.held_out, size, _HELD_MESSAGES, seed) for size in SIZES}
    curve: list[Point] = []
    weights: dict[Level, bytes] = {}
    figures: dict[str, Any] = {}
    for level in Level:
        model = untrained.primed(level).copy()
        held: dict[int, dict[str, float]] = {}

        def after(
            step: int,
            level: Level = level,
            model: ByteModel = model,
            held: dict[int, dict[str, float]] = held,
        ) -> None:
            told(f"train {level.name.lower()}", step, steps)
            if step % _EVERY == 0 or step == steps:
                held.update({size: weigh(model, text, of) for size, of in tests.items() if of})
                curve.extend(
                    Point(level, step, size, sum(bits.values()) / len(bits)) for size, bits in held.items()
                )

        after(0)
        train_weights(
            model,
            text,
            corpus.training,
            steps=steps,
            seed=seed,
            threads=threads or os.cpu_count() or 1,
            after=after,
        )
        if steps:
            weights[level] = model.weights()
        figures[level.name.lower()] = {
            str(size): {kind: round(value, 4) for kind, value in bits.items()} for size, bits in held.items()
        }
    prior = Prior.make(text, COUNT, weights)
    meta = _meta(prior, corpus, seed=seed, steps=steps, held_out=held_out, licence=licence)
    meta["held_out_bits_a_byte"] = figures
    meta["seconds"] = round(time.perf_counter() - started, 1)
    return Trained(prior, meta, tuple(curve))


def _meta(
    prior: Prior, corpus: Corpus, *, seed: int, steps: int, held_out: float, licence: str
) -> dict[str, Any]:
    return {
        "identity": prior.identity.hex(),
        "bytes": len(prior.data),
        "text_bytes": len(prior.text),
        "most_count": prior.count,
        "layers": {
            level.name.lower(): {
                "weights": byte_weights(level),
                "lanes": 16,
                "type": "int16",
                "scale": "1/8192",
                "trained": level in prior.weights,
            }
            for level in Level
        },
        "corpus": {
            "digest": corpus.digest.hex(),
            "kinds": list(corpus.kinds),
            "training_files": len(corpus.training),
            "training_bytes": sum(len(sample.content) for sample in corpus.training),
            "held_out_files": len(corpus.held_out),
            "held_out_share": held_out,
        },
        "licence": licence,
        "seed": seed,
        "steps": steps,
    }
