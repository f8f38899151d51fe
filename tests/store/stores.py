"""Small stores and models for the tests."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.numpy

from sapwood.formats.model import open_model
from sapwood.store.kinds import Digest
from sapwood.store.model_objects import get_recipe, put_model_file, write_model_file
from sapwood.store.store import Store
from sapwood.store.writer import Writer

Arrays = dict[str, npt.NDArray[Any]]


def new_store(path: Path, **settings: str) -> Store:
    store = Store.create(path, threads=2)
    for name, value in settings.items():
        store.configure(name, value)
    return store


def version(number: int, shape: tuple[int, int] = (64, 96), seed: int = 3) -> Arrays:
    """Version ``number`` of a model: small steps away from the one before."""
    random = np.random.default_rng(seed)
    arrays: Arrays = {
        "embed.weight": random.standard_normal(shape).astype(np.float32),
        "block.weight": random.standard_normal(shape).astype(np.float16),
        "block.bias": random.standard_normal(shape[0]).astype(np.float32),
        "steps": np.arange(4, dtype=np.int64),
    }
    for _ in range(number):
        for name, array in arrays.items():
            if name != "steps":
                step = random.standard_normal(array.shape) * 1e-3
                arrays[name] = (array + step).astype(array.dtype)
    return arrays


def model_bytes(number: int, shape: tuple[int, int] = (64, 96)) -> bytes:
    return bytes(safetensors.numpy.save(version(number, shape), metadata={"version": str(number)}))


def put_bytes(writer: Writer, data: bytes, like: Digest | None = None) -> Digest:
    with open_model(data) as model:
        return put_model_file(writer, model.files[0], like=like)


def get_bytes(store: Store, recipe: Digest) -> bytes:
    out = io.BytesIO()
    write_model_file(store, recipe, out)
    return out.getvalue()


def digests(store: Store, recipe: Digest) -> dict[str, Digest]:
    return {tensor.name: digest for tensor, digest in get_recipe(store, recipe).tensors()}
