"""Patches of the device profile keep its promises, and are small where it matters."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sapwood
from sapwood.codec.block import MAX_BLOCK, Codec
from sapwood.errors import CorruptPatch, WrongCall
from sapwood.patch.hash_kind import HashKind
from sapwood.patch.manifest import Profile
from tests.oracle.container import decode_patch
from tests.oracle.device import device_reach, has_floats
from tests.oracle.random_patches import random_pair
from tests.oracle.reader import Refused
from tests.patch import crafted, models, seal

TFLITE = Path(__file__).parents[2] / "bench" / "corpus" / "tflite"
PAIRS = sorted(path.name.removesuffix(".old.tflite") for path in TFLITE.glob("*.old.tflite"))


def _pair(name: str) -> tuple[bytes, bytes]:
    return (TFLITE / f"{name}.old.tflite").read_bytes(), (TFLITE / f"{name}.new.tflite").read_bytes()


def _check_promises(patch: sapwood.Patch, state: int) -> None:
    """SPEC, "Device profile"."""
    profile = patch.manifest.profile
    assert profile is not None
    assert profile.state == state
    parts = seal.parts(patch.to_bytes())
    for i in range(len(parts.chunks)):
        (block,) = parts.blocks(i)
        assert block.codec in (Codec.DEVICE, Codec.STORED)
        assert 0 < block.length <= MAX_BLOCK
        if block.codec is Codec.DEVICE:
            assert block.payload[0] == (state == 2048)
    assert profile.window < MAX_BLOCK
    assert patch.manifest.hash is HashKind.SHA256


def _check_reach(patch: sapwood.Patch, base: bytes) -> None:
    """The profile says of window and base what the blocks do, to the byte. The oracle tells, slowly."""
    at = window = behind = 0
    for block in seal.parts(patch.to_bytes()).all_blocks():
        if block.codec is Codec.DEVICE:
            found = device_reach(bytes(block.payload), base, block.length, at)
            window, behind = max(window, found[0]), max(behind, found[1])
        at += block.length
    profile = patch.manifest.profile
    assert profile is not None
    assert (profile.window, profile.behind) == (window, behind)


@pytest.mark.parametrize("state", [512, 2048])
@pytest.mark.parametrize("name", PAIRS)
def test_real_models_come_back(name: str, state: int) -> None:
    base, target = _pair(name)
    patch = sapwood.diff(base, target, profile="device", state=state)
    _check_promises(patch, state)
    assert sapwood.apply(base, patch) == target
    if len(target) < 200_000:  # the oracle is slow
        assert decode_patch(patch.to_bytes(), base) == target
    if len(target) < 40_000:
        _check_reach(patch, base)


@pytest.mark.parametrize("name", models.MAKERS)
def test_every_format_comes_back(name: str) -> None:
    base, target = models.pair(name, 20)
    for old in (base, None):
        patch = sapwood.diff(old, target, profile="device")
        _check_promises(patch, 2048)
        assert sapwood.apply(old, patch) == target
        assert decode_patch(patch.to_bytes(), old or b"") == target
    _check_reach(sapwood.diff(base, target, profile="device"), base)


@pytest.mark.parametrize("name", ["my_cnn_ft_lr1e-5x1", "my_mlp_ft_lr1e-5x1", "my_cnn_retrain"])
def test_scales_that_follow_from_others_cost_next_to_nothing(name: str) -> None:
    # The scale of a bias is that of its weights times that of the input: only DEVICE blocks know.
    base, target = _pair(name)
    small = sapwood.diff(base, target, profile="device").size
    assert small < 0.95 * sapwood.diff(base, target, level="fast").size
    # And no other level is larger, but for the profile's own record.
    assert sapwood.diff(base, target).size <= small


def test_noise_costs_no_more_than_itself_and_a_header() -> None:
    rng = random.Random(1)
    base, target = rng.randbytes(50_000), rng.randbytes(50_000)
    patch = sapwood.diff(base, target, profile="device", state=512)
    assert patch.size <= len(target) + 160
    assert sapwood.apply(base, patch) == target


def test_a_model_of_several_blocks() -> None:
    rng = random.Random(2)
    base = rng.randbytes(2 * MAX_BLOCK + 77)
    moved = bytearray(base[100_000:] + base[:100_000])
    for at in range(0, len(moved), 1001):
        moved[at] ^= 1
    target = bytes(moved)
    patch = sapwood.diff(base, target, profile="device")
    _check_promises(patch, 2048)
    assert len(patch.manifest.chunks) == 3
    assert patch.size < len(target) // 100
    assert sapwood.apply(base, patch) == target
    _check_reach(patch, base)
    # The first 100000 bytes of the base stand last, in the third block.
    assert patch.manifest.profile is not None
    assert patch.manifest.profile.behind == len(base) - 100_000


def _behind(patch: sapwood.Patch) -> int:
    assert patch.manifest.profile is not None
    return patch.manifest.profile.behind


@pytest.mark.parametrize("behind", [0, 64, 4096])
@pytest.mark.parametrize("name", ["my_cnn_ft_lr1e-5x1", "my_cnn_retrain"])
def test_no_more_of_a_real_base_is_read_behind_than_allowed(name: str, behind: int) -> None:
    base, target = _pair(name)
    patch = sapwood.diff(base, target, profile="device", behind=behind)
    assert _behind(patch) <= behind
    _check_reach(patch, base)
    assert sapwood.apply(base, patch) == target


@given(st.integers(0, 1 << 32), st.sampled_from([0, 1, 7, 100, 2000, 1 << 80]), st.sampled_from([512, 2048]))
def test_no_segment_reads_further_behind_than_allowed(seed: int, behind: int, state: int) -> None:
    base, target = random_pair(random.Random(seed))
    patch = sapwood.diff(base, target, profile="device", behind=behind, state=state)
    assert _behind(patch) <= behind
    _check_promises(patch, state)
    _check_reach(patch, base or b"")
    assert sapwood.apply(base, patch) == target
    if behind >= len(target):
        assert patch.to_bytes() == sapwood.diff(base, target, profile="device", state=state).to_bytes()


def test_what_is_behind_counts_in_the_whole_target() -> None:
    base = random.Random(4).randbytes(MAX_BLOCK + 50_000)
    target = b"new" * 200 + base
    patch = sapwood.diff(base, target, profile="device", behind=600)
    assert (_behind(patch), len(patch.manifest.chunks)) == (600, 2)
    assert patch.size < 400
    _check_reach(patch, base)
    assert sapwood.apply(base, patch) == target
    # One byte less, and nothing is left of the base; behind a block's start neither.
    patch = sapwood.diff(base, target, profile="device", behind=599)
    assert _behind(patch) == 0
    assert patch.size > len(base)
    assert sapwood.apply(base, patch) == target
    # What is ahead may always be read.
    patch = sapwood.diff(target, base, profile="device", behind=0)
    assert (_behind(patch), patch.size < 400) == (0, True)
    assert sapwood.apply(target, patch) == base


def test_what_repeats_and_what_stayed_costs_little() -> None:
    rng = random.Random(3)
    repeated = rng.randbytes(5) * 60_000
    assert sapwood.diff(None, repeated, profile="device").size < 250
    base = rng.randbytes(MAX_BLOCK)
    target = base[:700_000] + b"new" + base[700_003:]
    assert sapwood.diff(base, target, profile="device").size < 200


def test_integers_alone() -> None:
    base, target = _pair("f32_mlp_lr1e-5x1")
    patch = sapwood.diff(base, target, profile="device", integers=True)
    profile = patch.manifest.profile
    assert profile is not None
    assert profile.integers
    assert sapwood.apply(base, patch) == target
    plain = sapwood.diff(base, target, profile="device")
    assert plain.manifest.profile is not None
    assert not plain.manifest.profile.integers
    assert plain.size < patch.size < 1.3 * plain.size


@pytest.mark.parametrize("integers", [False, True])
def test_a_patch_of_integers_has_no_float(integers: bool) -> None:
    base, target = _pair("my_cnn_lastlayer")
    patch = sapwood.diff(base, target, profile="device", integers=integers).to_bytes()
    assert decode_patch(patch, base) == target
    blocks = [block for block in seal.parts(patch).all_blocks() if block.codec is Codec.DEVICE]
    found = [has_floats(bytes(block.payload), base, block.length) for block in blocks]
    assert found
    assert any(found) is not integers


def test_an_empty_target() -> None:
    patch = sapwood.diff(b"base", b"", profile="device")
    assert patch.manifest.profile == Profile(2048, 0, 0)
    assert sapwood.apply(b"base", patch) == b""


def test_the_bytes_do_not_depend_on_threads_or_level() -> None:
    base, target = _pair("my_cnn_lastlayer")
    made = {
        sapwood.diff(base, target, profile="device", threads=threads, level=level).to_bytes()
        for threads in (1, 2)
        for level in ("fast", "max")
    }
    assert len(made) == 1


def test_wrong_calls(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    for arguments in (
        {"profile": "devices"},
        {"profile": "device", "state": 1024},
        {"state": 512},
        {"behind": 0},
        {"integers": True},
        {"profile": "device", "behind": -1},
    ):
        with pytest.raises(WrongCall):
            sapwood.diff(b"base", b"target", **arguments)
    with pytest.raises(WrongCall, match="one file"):
        sapwood.diff(tmp_path, b"target", profile="device")
    with pytest.raises(WrongCall, match="one file"):
        sapwood.diff(b"base", tmp_path, profile="device")


def test_a_device_block_is_refused_over_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"some bytes " * 90)
    host = seal.parts(sapwood.diff(tmp_path, b"some bytes " * 90).to_bytes())
    device = seal.parts(sapwood.diff(b"some bytes " * 90, b"some bytes " * 90, profile="device").to_bytes())
    host.put_blocks(0, device.blocks(0))
    with pytest.raises(CorruptPatch, match="one file"):
        sapwood.apply(tmp_path, host.seal())


@pytest.mark.parametrize("content", ["01", "018010", "01801000", "0180100000ff", "018010008000", ""])
def test_a_profile_cut_short_or_too_long_is_refused(content: str) -> None:
    base, target = b"base " * 20, b"target " * 20
    patch = sapwood.diff(base, target, profile="device").to_bytes()
    found = crafted.records(patch)
    assert (found[8][:3], len(found[8])) == (b"\x01\x80\x10", 5)
    other = crafted.with_records(patch, {**found, 8: bytes.fromhex(content)})
    with pytest.raises(CorruptPatch):
        sapwood.apply(base, other)
    with pytest.raises(Refused):
        decode_patch(other, base)


def test_a_profile_of_another_number_is_passed_over() -> None:
    base, target = b"base " * 20, b"target " * 20
    patch = sapwood.diff(base, target, profile="device").to_bytes()
    _, body, _ = seal.manifest_body(patch)
    at = bytes(body).index(bytes([8, 5, 1]))  # tag, size, number
    other = seal.with_manifest(patch, body[: at + 2] + b"\x07" + body[at + 3 :])
    assert sapwood.open_patch(other).manifest.profile is None
    assert sapwood.apply(base, other) == target
    assert decode_patch(other, base) == target
