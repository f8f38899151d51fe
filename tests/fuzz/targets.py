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
from sapwood import _core
from sapwood.chain.container import RECORD_SIZE
from sapwood.codec.block import Block, Codec
from sapwood.codec.element import Element
from sapwood.codec.encode import Level
from sapwood.codec.predicted import encode_right
from sapwood.codec.quantised import QuantisedPair, QuantisedTerm, encode_quantised, quantised_pair
from sapwood.codec.scattered import encode_scattered
from sapwood.codec.splice import SpliceKind, decode_splice, encode_splice_as
from sapwood.errors import BadData, SapwoodError, WrongCall
from sapwood.formats.detect import read_layout
from sapwood.formats.dtype import DTYPES
from sapwood.kinship.fingerprint import read_fingerprint
from sapwood.patch import limits
from tests.chain.built import random_patch
from tests.formats import folders, tensorrt_rtx_file
from tests.fuzz.byte_streams import byte_message, byte_model, byte_stream
from tests.fuzz.mutate import mutated
from tests.fuzz.mutate_protobuf import mutated_message
from tests.oracle.any_device import any_device
from tests.oracle.any_quantised import NAMES, SOURCES, any_pair
from tests.oracle.any_scattered import any_scattered
from tests.oracle.any_splice import any_splice
from tests.oracle.quantised import TYPES
from tests.patch import models, seal

__all__ = ["TARGETS", "coded", "device_blocks", "quantised_blocks", "scattered_blocks", "splice_blocks"]

_PATHS: Final = ("portable", "avx2", "avx512", "neon")
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
def coded(codec: str) -> list[tuple[bytes, bytes | None, int]]:
    """(payload, base, size of the target) of every element, with and without a base."""
    found: list[tuple[bytes, bytes | None, int]] = []
    noise = np.random.default_rng(1)
    for element in Element:
        for size in (4096, 2400, 16_384) if codec == "numeric" else (24, 400, 2400):
            base = noise.standard_normal(size // 4).astype(np.float32).tobytes()
            flips = (noise.random(size) < 0.05) * noise.integers(0, 16, size)
            target = (np.frombuffer(base, np.uint8) ^ flips.astype(np.uint8)).tobytes()
            for old in (base, None):
                if codec == "numeric":
                    made = _core.encode_numeric(old, target, element, Level.DEFAULT)
                else:
                    made = _core.encode_adaptive(old, target, element)
                if made is not None:
                    found.append((made, old, size))
    return found


@cache
def _usable() -> tuple[str, ...]:
    def works(path: str) -> bool:
        try:
            _core.decode_numeric(b"", None, bytearray(1), path=path)
        except ValueError:
            return False
        return True

    return tuple(filter(works, _PATHS))


def _sized(size: int, dice: random.Random) -> int:
    return (
        size
        if dice.randrange(4)
        else dice.choice((1, 3, size - 1, size + 8, 2 * size, 1 << 20, 0, (1 << 20) + 1))
    )


def numeric(dice: random.Random) -> str:
    """NUMERIC payloads: every instruction set gives the same status, and the same bytes where it is 0."""
    payload, base, size = dice.choice(coded("numeric"))
    data, size = mutated(payload, dice), _sized(size, dice)
    results = []
    for path in _usable():
        out = bytearray(size)
        results.append((_core.decode_numeric(data, base, out, path=path), out))
    if len({status for status, _ in results}) != 1:
        raise AssertionError(f"statuses differ: {[status for status, _ in results]}")
    if results[0][0] == 0 and any(out != results[0][1] for _, out in results):
        raise AssertionError("instruction sets differ")
    return f"status {results[0][0]}"


def adaptive(dice: random.Random) -> str:
    """ADAPTIVE payloads."""
    payload, base, size = dice.choice(coded("adaptive"))
    return f"status {_core.decode_adaptive(mutated(payload, dice), base, bytearray(_sized(size, dice)))}"


@cache
def device_blocks() -> list[tuple[bytes, bytes, int]]:
    """(payload, base, size of the target) of all that DEVICE blocks can say."""
    made = [any_device(seed) for seed in range(40)]
    return [(payload, base, len(target)) for payload, base, target in made]


def device(dice: random.Random) -> str:
    """DEVICE payloads."""
    payload, base, size = dice.choice(device_blocks())
    return f"status {_core.decode_device(mutated(payload, dice), base, bytearray(_sized(size, dice)))}"


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
def quantised_blocks() -> list[tuple[bytes, bytes, int]]:
    """(payload, base, size of the target) of QUANTISED blocks between all types."""
    made = []
    for target in TYPES:
        for source in SOURCES:
            base, wanted = any_pair(target + source, target, source)
            pair = quantised_pair(DTYPES[NAMES[target]], DTYPES[NAMES[source]])
            if pair is None:
                raise AssertionError("a pair of types that cannot be predicted")
            block = encode_quantised(pair, memoryview(base), 0, memoryview(wanted), Level.DEFAULT)
            made.append((bytes(block.payload), base, len(wanted)))
    return made + [_with_term(number) for number in TYPES]


@cache
def _right_factor() -> QuantisedTerm:
    """Two components for rows of 256 elements."""
    right = np.array([i % 7 - 3 for i in range(512)], np.int32).tobytes()
    return QuantisedTerm(256, -11, right, *encode_right(right, 256, Level.DEFAULT))


def _with_term(number: int) -> tuple[bytes, bytes, int]:
    kind = DTYPES[NAMES[number]]
    dice = random.Random(number)
    base = dice.randbytes(2 * kind.nbytes(256))
    wanted = mutated(base, dice)[: len(base)].ljust(len(base))
    pair = QuantisedPair(kind, kind, _right_factor())
    block = encode_quantised(pair, memoryview(base), 0, memoryview(wanted), Level.DEFAULT)
    return bytes(block.payload), base, len(wanted)


def quantised(dice: random.Random) -> str:
    """QUANTISED payloads."""
    payload, base, size = dice.choice(quantised_blocks())
    payload = mutated(payload, dice)
    size = _sized(size, dice) if dice.randrange(4) == 0 else size
    # Another length, or other types, want another base: most get what they ask for.
    wants = _core.quantised_base_size(payload, size)
    if wants >= 0 and wants != len(base) and dice.randrange(4):
        base = (base * (wants // len(base) + 1))[:wants]
    factors = _right_factor().factors if dice.randrange(8) else None
    return f"status {_core.decode_quantised(payload, base, factors, bytearray(size))}"


@cache
def scattered_blocks() -> list[tuple[bytes, bytes, int]]:
    """(payload, base, size of the target) of SCATTERED blocks of all elements."""
    made = []
    for element in Element:
        for seed in range(4 if element is not Element.INT4 else 0):
            base, target = any_scattered(seed, element)
            view = memoryview(base)
            payload = encode_scattered(
                view, memoryview(target), element, 1, thorough=seed % 2 == 1, always=True
            )
            if payload is None:
                raise AssertionError("a pair that is no SCATTERED block")
            made.append((payload, base, len(target)))
    return made


def scattered(dice: random.Random) -> str:
    """SCATTERED payloads, by every instruction set."""
    payload, base, size = dice.choice(scattered_blocks())
    payload = mutated(payload, dice)
    size = _sized(size, dice) if dice.randrange(4) == 0 else size
    results = []
    for path in _usable():
        out = bytearray(size)
        results.append((_core.decode_scattered(payload, base, out, path), out))
    if any(status != results[0][0] for status, _ in results):
        raise AssertionError("instruction sets disagree on a status")
    if results[0][0] == 0 and any(out != results[0][1] for _, out in results):
        raise AssertionError("instruction sets disagree on bytes")
    return f"status {results[0][0]}"


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


@cache
def splice_blocks() -> list[tuple[bytes, bytes, int]]:
    """(payload, base, size of the target) of splices whose content is modelled."""
    found = []
    for seed in range(40):
        base, splice, target = any_splice(seed)
        block = encode_splice_as(SpliceKind.MODELLED, splice, len(base), _reader(base))
        if block is None:
            raise AssertionError("too much for the model")
        found.append((bytes(block.payload), base, len(target)))
    return found


def _reader(base: bytes) -> Callable[[int, int], memoryview]:
    def read(offset: int, length: int) -> memoryview:
        if offset < 0 or length < 0 or offset + length > len(base):
            raise AssertionError("a read outside the base")
        return memoryview(base)[offset : offset + length]

    return read


def splice(dice: random.Random) -> str:
    """Modelled splices: a documented error, or as many bytes as the block says."""
    payload, base, size = dice.choice(splice_blocks())
    block = Block(Codec.SPLICE, _sized(size, dice), mutated(payload, dice))
    made = 0
    try:
        for piece in decode_splice(block, len(base), _reader(base)):
            made += len(piece) if isinstance(piece, bytes) else len(_reader(base)(*piece))
    except BadData as error:
        return type(error).__name__
    if made != block.length:
        raise AssertionError("a splice of another length")
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
