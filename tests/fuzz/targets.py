"""What is fuzzed: for each target a corpus, made anew from real files, and one call on one mutant.

A call returns the name of its outcome. Anything but a documented error or a right answer is raised.
"""

import base64
import json
import random
import tempfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from blake3 import blake3

import sapwood
from sapwood.chain.container import RECORD_SIZE
from sapwood.codec.encode import Level
from sapwood.errors import BadData, SapwoodError, WrongCall
from sapwood.formats.detect import read_layout
from sapwood.kinship.fingerprint import read_fingerprint
from sapwood.patch import limits
from tests.chain.built import random_patch
from tests.formats import folders, tensorrt_rtx_file
from tests.fuzz.block_payloads import adaptive, device, numeric, quantised, scattered, splice
from tests.fuzz.byte_streams import byte_message, byte_model, byte_stream
from tests.fuzz.mutate import mutated
from tests.fuzz.mutate_protobuf import mutated_message
from tests.patch import models, seal

__all__ = ["TARGETS"]

# A mutant may say a target of any size: more than this much work proves nothing new.
_MOST_BUILT: Final = 64 << 20


@cache
def _patches() -> list[tuple[bytes, bytes, bytes]]:
    """(base, target, patch) of every format and level."""
    found = []
    for i, name in enumerate(models.MAKERS):
        base, target = models.pair(name, 20)
        level = list(Level)[i % 3]
        found.append((base, target, sapwood.diff(base, target, level=level, threads=1).to_bytes()))
        found.append((b"", target, sapwood.diff(b"", target, level=level, threads=1).to_bytes()))
        found.append((base, target, sapwood.diff(base, target, profile="device").to_bytes()))
    # What reads the target again: every third of the damage goes there.
    tables = np.random.default_rng(3).standard_normal((3, 90, 70)).astype(np.float32)
    twice = [models.safetensors_file({"a": table, "b": tables[0], "c": table}) for table in tables]
    made = sapwood.diff(twice[1], twice[2], level=Level.FAST, threads=1)
    if not made.manifest.kept:
        raise AssertionError("nothing is kept")
    return found + [(twice[1], twice[2], made.to_bytes())] * (len(found) // 2)


def _verify(base: bytes, target: bytes, patch: bytes) -> str:
    try:
        opened = sapwood.open_patch(patch)
        if opened.manifest.target.size > _MOST_BUILT:
            return "too large to try"
        built = sapwood.apply(base, opened, threads=1)
    except BadData as error:
        return type(error).__name__
    if isinstance(built, dict):
        raise AssertionError("a folder from a patch of a file")
    if built != target and opened.manifest.target.digest == _digest(target):
        raise AssertionError("another target under the same digest")
    return "right"


@cache
def _digest(target: bytes) -> bytes:
    return sapwood.compress(target, threads=1).manifest.target.digest


def patch(dice: random.Random) -> str:
    """A patch as it comes over the wire: the digests stop most of the damage."""
    base, target, data = dice.choice(_patches())
    return _verify(base, target, mutated(data, dice))


def manifest(dice: random.Random) -> str:
    """A damaged manifest under a CRC-32 that fits."""
    base, target, data = dice.choice(_patches())
    return _verify(base, target, seal.with_manifest(data, mutated(seal.manifest_body(data)[1], dice)))


def blocks(dice: random.Random) -> str:
    """Damaged blocks under digests that fit."""
    base, target, data = dice.choice(_patches())
    parts = seal.parts(data)
    chunk = dice.randrange(len(parts.chunks))
    parts.chunks[chunk] = mutated(parts.chunks[chunk], dice)[: limits.MAX_CHUNK] or b"\0"
    return _verify(base, target, parts.seal())


def in_block(dice: random.Random) -> str:
    """A damaged payload in a block whose record is whole."""
    base, target, data = dice.choice(_patches())
    parts = seal.parts(data)
    chunk = dice.randrange(len(parts.chunks))
    found = parts.blocks(chunk)
    i = dice.randrange(len(found))
    found[i] = seal.with_payload(found[i], mutated(bytes(found[i].payload), dice))
    parts.put_blocks(chunk, found)
    return _verify(base, target, parts.seal())


@cache
def _models() -> list[bytes]:
    made = [make(models.first_version(9)) for make in models.MAKERS.values()]
    numbers = np.random.default_rng(2).standard_normal(300).astype(np.float32).tobytes()
    made.append(tensorrt_rtx_file.engine(tensorrt_rtx_file.table([0, 400], 1200), numbers))
    return made + [data for files in _folders() for data in files.values()]


@cache
def _folders() -> list[dict[str, bytes]]:
    """Folders of real files of which one describes another."""
    return [folders.contents(place.name) for place in sorted(folders.REAL.glob("*-1"))]


def linked(dice: random.Random) -> str:
    """A folder in which one file is damaged: a layout covers every file, whatever the others say."""
    files = dict(dice.choice(_folders()))
    path = dice.choice(sorted(files))
    files[path] = mutated(files[path], dice)
    found = folders.layouts(files)
    for name, layout in found.items():
        if sum(span.length for span in layout.spans) != len(files[name]):
            raise AssertionError("a layout of another size")
    return f"{found[path].format}{' with a warning' if any(x.warnings for x in found.values()) else ''}"


def model(dice: random.Random) -> str:
    """A damaged model file: a layout that covers it, whatever it holds."""
    data = mutated(dice.choice(_models()), dice)
    layout = read_layout(memoryview(data))
    at = 0
    for span in layout.spans:
        if span.offset != at or span.length <= 0:
            raise AssertionError("a layout with a hole")
        at += span.length
    if at != len(data):
        raise AssertionError("a layout of another size")
    return f"{layout.format}{' with a warning' if layout.warnings else ''}"


@cache
def _messages() -> list[tuple[dict[str, bytes], str]]:
    """Folders of real files, and which of them is a protobuf message."""
    found = [
        (files, path)
        for files in _folders()
        for path in files
        if path.endswith((".mlmodel", ".pdmodel", ".onnx"))
    ]
    return [*found, ({"model.onnx": models.onnx_file(models.first_version(9))}, "model.onnx")]


def protobuf(dice: random.Random) -> str:
    """A protobuf message with other fields in it, and the files that it tells of."""
    whole, path = dice.choice(_messages())
    files = whole | {path: mutated_message(whole[path], dice)}
    found = folders.layouts(files)
    for name, layout in found.items():
        if sum(span.length for span in layout.spans) != len(files[name]):
            raise AssertionError("a layout of another size")
    return f"{found[path].format}{' with a warning' if found[path].warnings else ''}"


@cache
def _between_tensors(folder: str) -> list[tuple[dict[str, bytes], str, list[tuple[int, int]]]]:
    """(files, path of one, where its glue is) for the files of the folders whose name begins so."""
    found = []
    for place in sorted(folders.REAL.glob(f"{folder}*-1")):
        files = folders.contents(place.name)
        for path, layout in folders.layouts(files).items():
            glue = [(span.offset, span.length) for span in layout.spans if span.tensor is None]
            # Of a file with no tensors all is structure, if something knows it.
            if glue and layout.format != "opaque":
                found.append((files, path, glue))
    return found


def _structure(folder: str) -> Callable[[random.Random], str]:
    """Real files damaged only between their tensors, where lengths, trees and names are."""

    def damaged(dice: random.Random) -> str:
        whole, path, glue = dice.choice(_between_tensors(folder))
        data = whole[path]
        for start, length in sorted(dice.sample(glue, min(len(glue), dice.randrange(1, 4))), reverse=True):
            data = data[:start] + mutated(data[start : start + length], dice) + data[start + length :]
        files = whole | {path: data}
        found = folders.layouts(files)
        for name, layout in found.items():
            if sum(span.length for span in layout.spans) != len(files[name]):
                raise AssertionError("a layout of another size")
        warned = any(layout.warnings for layout in found.values())
        return f"{found[path].format}{' with a warning' if warned else ''}"

    return damaged


def pair(dice: random.Random) -> str:
    """A damaged model against a whole one: the patch gives it back, and is not larger."""
    base = dice.choice(_models())
    target = mutated(base if dice.randrange(4) else dice.choice(_models()), dice)
    if dice.randrange(2):
        base, target = target, base
    made = sapwood.diff(base, target, level=dice.choice(list(Level)), threads=1)
    if sapwood.apply(base, made, threads=1) != target:
        raise AssertionError("another target")
    if made.size > len(target) + 256 + len(target) // 4096:
        raise AssertionError(f"a patch of {made.size} bytes for a target of {len(target)}")
    return made.manifest.format


def _write(folder: Path, dice: random.Random) -> dict[str, bytes]:
    folder.mkdir()
    files = {}
    for name in ("a", "b", "c/d", "c/e", "model.onnx", "w.safetensors"):
        if dice.randrange(3):
            data = dice.choice([*_models(), b"", b"x"])
            files[name] = mutated(data, dice) if dice.randrange(2) else data
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(files[name])
    return files


def folder(dice: random.Random) -> str:
    """Two folders of models, whole and damaged, on one thread or two."""
    with tempfile.TemporaryDirectory() as room:
        base, target = Path(room, "base"), Path(room, "target")
        old, new = _write(base, dice), _write(target, dice)
        made = sapwood.diff(base, target, level=dice.choice(list(Level)), threads=dice.choice((1, 2)))
        if sapwood.apply(base, made, threads=1) != new:
            raise AssertionError("another target")
        most = sum(map(len, new.values()))
        names = sum(len(name) + 9 for files in (old, new) for name in files)
        if made.size > most + 256 + most // 4096 + names:
            raise AssertionError(f"a patch of {made.size} bytes for a target of {most}")
    return f"{len(new)} files"


@cache
def _fingerprints() -> tuple[list[bytes], bytes]:
    """Saved fingerprints, and a database of them."""
    made = [sapwood.fingerprint(data, exact=bool(i % 2)) for i, data in enumerate(_models()[:12])]
    with tempfile.TemporaryDirectory() as room:
        with sapwood.FingerprintDatabase(Path(room, "models.db"), create=True) as database:
            database.add([(f"model {i}", one) for i, one in enumerate(made)])
        return [json.dumps(one.to_json()).encode() for one in made], Path(room, "models.db").read_bytes()


def fingerprint(dice: random.Random) -> str:
    """A damaged fingerprint, its text or the sketch in it, beside a whole one."""
    whole, _ = _fingerprints()
    data = dice.choice(whole)
    if dice.randrange(4):
        saved = json.loads(data)
        sketch = mutated(base64.b64decode(saved["sketch"]), dice)
        data = json.dumps(saved | {"sketch": base64.b64encode(sketch).decode()}).encode()
    else:
        data = mutated(data, dice)
    try:
        one = read_fingerprint(data)
    except BadData as error:
        return type(error).__name__
    other = read_fingerprint(dice.choice(whole))
    found = sapwood.fingerprint_compare(one, other), sapwood.fingerprint_compare(other, one)
    for told in found:
        if not (0 <= told.kinship <= 1 and 0 <= told.patch_share <= 1):
            raise AssertionError("a share outside 0 to 1")
    return found[0].relation.value


def fingerprint_database(dice: random.Random) -> str:
    """A damaged database."""
    whole, database = _fingerprints()
    with tempfile.TemporaryDirectory() as room:
        place = Path(room, "models.db")
        place.write_bytes(mutated(database, dice))
        try:
            found = sapwood.fingerprint_find(read_fingerprint(dice.choice(whole)), place)
        except SapwoodError as error:
            return type(error).__name__
    return "found" if found else "no kin"


@cache
def _chains() -> list[tuple[tuple[bytes, ...], bytes]]:
    """(versions, chain) of some formats, and of a chain from nothing."""
    found = []
    for name in ("safetensors", "tflite", "opaque"):
        base, target = models.pair(name, 20)
        versions = (base, target, target[:-1] + bytes([target[-1] ^ 1]))
        found.append((versions, sapwood.chain_create(versions, threads=1)))
    whole = sapwood.compress(found[0][0][0], threads=1)
    found.append((found[0][0], sapwood.chain_create([whole, *found[0][0]], threads=1)))
    return [(versions, made.to_bytes()) for versions, made in found]


def _resealed(data: bytes, dice: random.Random) -> bytes:
    """A damaged record or patch under a CRC-32 and a seal that fit."""
    links = sapwood.open_chain(data).links
    link = dice.choice(links)
    record = bytearray(data[link.offset - RECORD_SIZE : link.offset])
    patch = data[link.offset : link.offset + link.size]
    if dice.randrange(2):
        at = dice.randrange(4, RECORD_SIZE - 4)
        record[at] = dice.choice((0, 1, 127, 255, record[at] ^ 1 << dice.randrange(8)))
        record[-4:] = zlib.crc32(record[:-4]).to_bytes(4, "little")
    else:
        patch = mutated(patch, dice)
    seal_bytes = blake3(bytes(record) + patch).digest()
    return data[: link.offset - RECORD_SIZE] + bytes(record) + patch + seal_bytes + data[link.end :]


def chain(dice: random.Random) -> str:
    """A damaged chain, its seals whole or not: refused, or it builds the last version from any."""
    versions, data = dice.choice(_chains())
    data = mutated(data, dice) if dice.randrange(2) else _resealed(data, dice)
    try:
        opened = sapwood.open_chain(data)
        if any(version.size > _MOST_BUILT for version in opened.versions):
            return "too large to try"
        if dice.randrange(2):
            opened.verify()
        built = opened.apply(dice.choice(versions), from_any=True, threads=1)
    except BadData as error:
        return type(error).__name__
    if built != versions[-1] and opened.versions[-1].digest == _digest(versions[-1]):
        raise AssertionError("another version under the same digest")
    return "right"


def squash(dice: random.Random) -> str:
    """Two patches of any blocks put together, one of them perhaps damaged behind its digests."""
    base = np.random.default_rng(dice.randrange(50)).standard_normal(3000).astype(np.float32).tobytes()
    first, middle = random_patch(base, dice)
    if not middle:
        return "nothing"
    second, target = random_patch(middle, dice)
    links = [first, second]
    if dice.randrange(2):
        which = dice.randrange(2)
        parts = seal.parts(links[which])
        i = dice.randrange(len(parts.chunks))
        parts.chunks[i] = mutated(parts.chunks[i], dice)[: limits.MAX_CHUNK] or b"\0"
        links[which] = parts.seal()
    try:
        made = sapwood.chain_squash(sapwood.chain_create(links))
        if made.patch.manifest.target.size > _MOST_BUILT:
            return "too large to try"
        built = sapwood.apply(base, made.patch, threads=1)
    except BadData as error:
        return type(error).__name__
    except WrongCall as error:
        if "Give the model" not in error.advice:
            raise
        return "needs a model"
    if built != target:
        raise AssertionError("another target")
    return "right"


TARGETS: Final[dict[str, Callable[[random.Random], str]]] = {
    "patch": patch,
    "manifest": manifest,
    "blocks": blocks,
    "payload": in_block,
    "pair": pair,
    "folder": folder,
    "model": model,
    "structure": _structure(""),
    "hdf5": _structure("hdf5"),
    "keras": _structure("keras"),
    "tensorflow": _structure("tensorflow"),
    "torch-legacy": _structure("torch-legacy"),
    "linked": linked,
    "protobuf": protobuf,
    "fingerprint": fingerprint,
    "fingerprint-database": fingerprint_database,
    "chain": chain,
    "squash": squash,
    "numeric": numeric,
    "adaptive": adaptive,
    "device": device,
    "quantised": quantised,
    "scattered": scattered,
    "splice": splice,
    "byte-stream": byte_stream,
    "byte-message": byte_message,
    "byte-model": byte_model,
}
"""Each by its name: one mutant of a dice's choosing, and what came of it."""
