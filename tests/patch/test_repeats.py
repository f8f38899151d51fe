"""What a target holds twice costs once; and what a receiver refuses of blocks that read the target."""

import contextlib
import dataclasses
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sapwood
from sapwood import _core
from sapwood.codec.block import Block, Codec
from sapwood.codec.element import Element
from sapwood.codec.predicted import Prediction, encode_predicted
from sapwood.codec.splice import Splice, SpliceKind, encode_splice_as
from sapwood.codec.zstandard_frames import compress_against
from sapwood.errors import BadData, CorruptPatch, DiskFull, LimitExceeded, WrongCall
from sapwood.patch import limits
from sapwood.patch.kept_bytes import KeptBytes
from sapwood.patch.kept_spans import KeptSpans
from sapwood.patch.manifest import Tag
from tests.oracle.container import decode_patch
from tests.oracle.reader import Refused
from tests.patch import crafted, models, seal

RANDOM = np.random.default_rng(21)
# 8 KiB each: noise that nothing compresses much.
POOL = [RANDOM.normal(0, 1, (64, 32)).astype(np.float32) for _ in range(4)]


def tied(table: np.ndarray, *others: np.ndarray) -> bytes:
    """A model whose head is its embedding."""
    layers = {f"layer.{i}.weight": array for i, array in enumerate(others)}
    return models.safetensors_file({"embed.weight": table, **layers, "head.weight": table})


def both(base: bytes, patch: bytes, target: bytes) -> None:
    for threads in (1, 3):
        assert sapwood.apply(base, patch, threads=threads) == target
    assert decode_patch(patch, base) == target


@pytest.mark.parametrize("base", [None, tied(POOL[0], POOL[1]), tied(POOL[1], POOL[0])])
def test_a_tied_tensor_costs_once(base: bytes | None) -> None:
    target = tied(POOL[2], POOL[3])
    once = models.safetensors_file({"embed.weight": POOL[2], "layer.0.weight": POOL[3]})
    patch = sapwood.diff(base, target)
    assert patch.size < 1.03 * sapwood.diff(base, once).size + 100
    assert [length for _, length in patch.manifest.kept] == [POOL[2].nbytes]
    both(base or b"", patch.to_bytes(), target)
    assert patch.to_bytes() == sapwood.diff(base, target, threads=3).to_bytes()
    sapwood.verify(patch, base)


def test_repeats_of_what_the_base_holds_keep_nothing() -> None:
    base = models.safetensors_file({"embed.weight": POOL[0]})
    target = tied(POOL[0])
    patch = sapwood.diff(base, target)
    assert patch.manifest.kept == ()
    assert patch.size < 300
    both(base, patch.to_bytes(), target)


def test_a_repeat_is_found_though_it_hardly_differs_from_the_base() -> None:
    changed = POOL[0].copy()
    changed[7, 5::3] += 1
    target = tied(changed, POOL[1])
    patch = sapwood.diff(tied(POOL[0], POOL[1]), target, level="fast")
    assert patch.manifest.kept
    both(tied(POOL[0], POOL[1]), patch.to_bytes(), target)


def test_layers_that_moved_under_names_of_others_are_copied() -> None:
    base, target = (
        models.safetensors_file({f"layer.{i}.weight": POOL[which] for i, which in enumerate(order)})
        for order in ((0, 1, 2, 3), (0, 1, 0, 1, 3, 2, 3))
    )
    patch = sapwood.diff(base, target)
    assert patch.manifest.kept == ()
    assert patch.size < 500
    both(base, patch.to_bytes(), target)


def test_the_first_of_two_is_compared_with_what_the_second_is_named_after() -> None:
    weights = RANDOM.normal(0, 0.05, (300, 300)).astype(np.float32)
    moved = (weights * (1 + 1e-4 * RANDOM.normal(0, 1, weights.shape))).astype(np.float32)
    base = models.safetensors_file({"model.weight": weights})
    once, twice = ({**average, "model.weight": moved} for average in ({}, {"average": moved}))
    target = models.safetensors_file(twice)
    patch = sapwood.diff(base, target)
    assert patch.size < sapwood.diff(base, models.safetensors_file(once)).size + 200
    both(base, patch.to_bytes(), target)


def test_zeros_and_small_tensors_are_not_kept() -> None:
    small = POOL[0][:8]
    for array in (np.zeros((500, 500), np.float32), np.ones(9000, np.float16), small):
        assert sapwood.compress(tied(array)).manifest.kept == ()


def test_repeats_are_found_across_files_and_formats(tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in ("base", "target", "out")}
    for folder in folders.values():
        folder.mkdir()
    target = {"a/model.safetensors": tied(POOL[0]), "b.npz": models.npz_file({"table": POOL[0]})}
    (folders["base"] / "a").mkdir()
    (folders["base"] / "a/model.safetensors").write_bytes(tied(POOL[1]))
    (folders["target"] / "a").mkdir()
    for name, data in target.items():
        (folders["target"] / name).write_bytes(data)
    patch = sapwood.diff(folders["base"], folders["target"])
    assert patch.size < 1.1 * POOL[0].nbytes
    assert sapwood.apply(folders["base"], patch) == target
    assert decode_patch(patch.to_bytes(), {"a/model.safetensors": tied(POOL[1])}) == target
    sapwood.apply(folders["base"], patch, folders["out"])
    sapwood.apply(folders["base"], patch, in_place=True)
    for folder in (folders["base"], folders["out"]):
        assert {name: (folder / name).read_bytes() for name in target} == target


@given(
    st.lists(st.integers(0, 3), max_size=6),
    st.lists(st.integers(0, 3), max_size=9),
    st.sampled_from(["fast", "default", "max"]),
)
def test_any_tensors_in_any_order(old: list[int], new: list[int], level: str) -> None:
    base, target = (
        models.safetensors_file({f"t{i}": POOL[which] for i, which in enumerate(chosen)})
        for chosen in (old, new)
    )
    patch = sapwood.diff(base, target, level=level, threads=1)
    both(base, patch.to_bytes(), target)
    assert patch.size < len({*new} - {*old}) * POOL[0].nbytes + 700


def test_a_second_base_and_a_repeat_go_together() -> None:
    older = POOL[0].astype(np.float16)
    newer = (older + POOL[1] * 1e-2).astype(np.float16)
    average = ((older.astype(np.float64) + newer) / 2).astype(np.float16)
    files = [models.safetensors_file({"w": older}), models.safetensors_file({"w": newer})]
    target = models.safetensors_file({"w": average, "x": average})
    patch = sapwood.diff(files[1], target, also=files[0])
    assert patch.manifest.kept
    assert patch.manifest.second_base.digest
    assert sapwood.apply(files[1], patch, also=files[0]) == target
    assert decode_patch(patch.to_bytes(), files[1], files[0]) == target


def test_chains_lead_over_such_patches_and_say_what_a_squash_needs() -> None:
    tables = [RANDOM.normal(0, 1, (300, 300)).astype(np.float32) for _ in range(3)]
    versions = [tied(table) for table in tables]
    chain = sapwood.chain_create(versions)
    assert sapwood.open_chain(chain.to_bytes()).apply(versions[0]) == versions[-1]
    with pytest.raises(WrongCall, match="reads again") as caught:
        sapwood.chain_squash(chain)
    assert "Give the model" in caught.value.advice
    assert sapwood.apply(versions[0], sapwood.chain_squash(chain, base=versions[0]).patch) == versions[-1]


def test_a_device_patch_keeps_nothing() -> None:
    target = tied(POOL[0])
    patch = sapwood.diff(tied(POOL[1]), target, profile="device")
    assert patch.manifest.kept == ()
    assert sapwood.apply(tied(POOL[1]), patch) == target


# From here on, blocks by hand: the target is HALF and then something made of HALF.
HALF = POOL[0].tobytes()
SIZE = len(HALF)
BASE = RANDOM.bytes(500)


def handmade(second: Block, made: bytes, kept: tuple[tuple[int, int], ...] = ((0, SIZE),)) -> bytes:
    target = HALF + made
    found = seal.parts(sapwood.diff(BASE, target).to_bytes())
    out = seal.Parts(dataclasses.replace(found.manifest, kept=kept), [b""])
    out.put_blocks(0, [Block(Codec.STORED, SIZE, HALF), second])
    return out.seal(decoded=[SIZE + second.length])


def copy(offset: int, length: int) -> Block:
    splice = Splice()
    splice.copy(offset, length)
    block = encode_splice_as(
        SpliceKind.PLAIN, splice, offset + length, lambda _at, size: memoryview(bytes(size))
    )
    assert block is not None
    return block


def every_codec() -> dict[str, tuple[Block, bytes]]:
    """A block of each codec with a span, coded against HALF, and what it makes."""
    near = (POOL[0] * np.float32(1.0001)).tobytes()
    numeric = _core.encode_numeric(HALF, near, Element.F32, 1)
    adaptive = _core.encode_adaptive(HALF, near, Element.F32)
    assert numeric is not None
    assert adaptive is not None
    span = (len(BASE), SIZE)
    swapped = HALF[SIZE // 2 :] + b"and" + HALF[: SIZE // 2]
    half = memoryview(HALF)
    average = ((POOL[0][:32].astype(np.float64) + POOL[0][32:]) / 2).astype(np.float32).tobytes()
    between = encode_predicted(
        Prediction(Element.F32, Element.F32, scale=0.5, second=(0.5, SIZE // 2)),
        half[: SIZE // 2],
        len(BASE),
        memoryview(average),
        1,
        second=half[SIZE // 2 :],
    )
    assert between is not None
    return {
        "splice": (copy(len(BASE) + 40, 1000), HALF[40:1040]),
        "numeric": (Block(Codec.NUMERIC, SIZE, numeric, span), near),
        "adaptive": (Block(Codec.ADAPTIVE, SIZE, adaptive, span), near),
        "zstd": (Block(Codec.ZSTD_BASE, len(swapped), compress_against(HALF, swapped), span), swapped),
        "predicted": (between, average),
    }


@pytest.mark.parametrize("name", every_codec())
def test_any_codec_reads_what_is_kept(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    block, made = every_codec()[name]
    patch = handmade(block, made)
    both(BASE, patch, HALF + made)
    monkeypatch.setattr("sapwood.patch.kept_bytes._IN_MEMORY", 0)
    both(BASE, patch, HALF + made)


def test_a_run_goes_on_from_the_base_into_what_is_kept() -> None:
    both(BASE, handmade(copy(450, 150), BASE[450:] + HALF[:100]), HALF + BASE[450:] + HALF[:100])


@pytest.mark.parametrize(
    ("kept", "block"),
    [
        (((0, SIZE),), copy(len(BASE), SIZE + 1)),
        (((0, SIZE + 9),), copy(len(BASE) + 1, SIZE)),
        (((0, SIZE + 9),), copy(len(BASE) + SIZE, 9)),
        (((SIZE, 9),), copy(len(BASE), 9)),
        (((SIZE - 4, 9),), copy(len(BASE), 9)),
        (((8, 8),), copy(len(BASE), 9)),
        ((), copy(len(BASE), 9)),
        (((0, SIZE),), Block(Codec.NUMERIC, SIZE, b"", (len(BASE) + 1, SIZE))),
        (((0, SIZE),), Block(Codec.PREDICTED, SIZE, b"", (len(BASE) + 1, SIZE))),
        (((0, SIZE),), Block(Codec.ZSTD_BASE, SIZE, b"", (len(BASE), SIZE + 1))),
        (((0, SIZE),), Block(Codec.DEVICE, 9, b"\0")),
    ],
)
def test_a_block_that_reads_itself_or_ahead_is_refused(
    kept: tuple[tuple[int, int], ...], block: Block
) -> None:
    patch = handmade(block, bytes(block.length), kept)
    for threads in (1, 2):
        with pytest.raises(CorruptPatch):
            sapwood.apply(BASE, patch, threads=threads)
    with pytest.raises(Refused):
        decode_patch(patch, BASE)


def test_a_second_span_ahead_is_refused() -> None:
    half = memoryview(HALF)
    prediction = Prediction(Element.F32, Element.F32, scale=0.5, second=(0.5, 4))
    block = encode_predicted(prediction, half, len(BASE), half, 1, second=half)
    assert block is not None
    patch = handmade(block, HALF)
    with pytest.raises(CorruptPatch, match="outside the base"):
        sapwood.apply(BASE, patch)
    with pytest.raises(Refused):
        decode_patch(patch, BASE)


def test_records_of_kept_spans_that_do_not_add_up_are_refused() -> None:
    patch = handmade(*every_codec()["splice"])
    found = crafted.records(patch)
    end = SIZE + 1000
    bad = [b"", b"\0", b"\0\0", crafted.unsigned(0, end + 1), crafted.unsigned(end, 1)]
    bad += [crafted.unsigned(4, 4, 0, 0), crafted.unsigned(1 << 63, 1 << 63), b"\xff" * 9 + b"\1\1"]
    hostile = [found | {Tag.KEPT: record} for record in bad]
    hostile.append(dict(sorted((found | {Tag.PROFILE: b"\1\x80\x10\0"}).items())))
    for records in hostile:
        changed = crafted.with_records(patch, records)
        with pytest.raises(BadData):
            sapwood.apply(BASE, changed)
        with pytest.raises(Refused):
            decode_patch(changed, BASE)


def test_the_spans_of_a_patch_are_counted() -> None:
    patch = handmade(*every_codec()["splice"])
    found = crafted.records(patch)
    many = crafted.with_records(patch, found | {Tag.KEPT: b"\0\1" * (limits.MAX_KEPT + 1)})
    with pytest.raises(CorruptPatch):  # there are not so many bytes
        sapwood.apply(BASE, many)
    size = limits.MAX_KEPT + 1
    found |= {
        Tag.TARGET: b"\1" + crafted.unsigned(size) + bytes(32),
        Tag.CHUNKS: b"\x08" + crafted.unsigned(size, 9) + bytes(8),
        Tag.KEPT: b"\0\1" * size,
    }
    with pytest.raises(LimitExceeded):
        sapwood.apply(BASE, crafted.with_records(patch, found))


def test_damage_behind_the_digests_is_refused_or_harmless() -> None:
    dice = random.Random(5)
    base, target = tied(POOL[0], POOL[1]), tied(POOL[2], POOL[3])
    patch = sapwood.diff(base, target).to_bytes()
    parts = seal.parts(patch)
    body = seal.manifest_body(patch)[1]
    for _ in range(300):
        changed = dataclasses.replace(parts, chunks=list(parts.chunks))
        coded = bytearray(changed.chunks[-1])
        # The last blocks are those that read the target.
        coded[-1 - dice.randrange(min(len(coded), 40))] ^= 1 << dice.randrange(8)
        changed.chunks[-1] = bytes(coded)
        other = bytearray(body)
        other[dice.randrange(len(other))] ^= 1 << dice.randrange(8)
        for hostile in (changed.seal(), seal.with_manifest(patch, bytes(other))):
            results: list[object] = []
            for threads in (1, 2):
                try:
                    results.append(sapwood.apply(base, hostile, threads=threads))
                except BadData as error:
                    results.append(type(error))
            assert results[0] == results[1]
            assert isinstance(results[0], type) or results[0] == target


def test_kept_bytes_are_taken_from_pieces_of_any_size(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dice = random.Random(6)
    data = dice.randbytes(5000)
    for limit in (1 << 20, 0):
        monkeypatch.setattr("sapwood.patch.kept_bytes._IN_MEMORY", limit)
        for _ in range(40):
            ends = sorted(dice.sample(range(5001), 2 * dice.randrange(1, 6)))
            spans = [(a, b - a) for a, b in zip(ends[::2], ends[1::2], strict=True)]
            kept = KeptSpans(spans)
            wanted = b"".join(data[a : a + length] for a, length in spans)
            assert kept.size == len(wanted)
            with contextlib.ExitStack() as resources:
                held = KeptBytes(kept, str(tmp_path), resources)
                at = 0
                while at < len(data):
                    step = dice.choice((1, 7, 600, 5000))
                    held.take(memoryview(data)[at : at + step])
                    at = min(at + step, len(data))
                    before = kept.before(at)
                    assert held.read(0, before) == wanted[:before]
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    patch = sapwood.compress(tied(POOL[0]))
    monkeypatch.setattr("sapwood.patch.kept_bytes._IN_MEMORY", 0)

    def full(*_: object) -> None:
        raise DiskFull("no room for the target")

    monkeypatch.setattr("sapwood.patch.kept_bytes.check_room", full)
    with pytest.raises(DiskFull):
        sapwood.apply(None, patch, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
