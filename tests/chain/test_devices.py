"""Chains, squashes and plans of patches for devices, whose digests are of another hash."""

import dataclasses
import functools
import itertools
import random
import zlib
from pathlib import Path

import pytest
from blake3 import blake3

import sapwood
from sapwood.chain.container import RECORD_SIZE
from sapwood.errors import BrokenChain, UnsupportedPatch, WrongBase, WrongCall
from sapwood.patch.hash_kind import HashKind
from tests.chain.versions import joined, patches, versions
from tests.oracle.chain import decode_chain
from tests.oracle.reader import Refused
from tests.patch import seal


@functools.cache
def device_patches() -> tuple[bytes, ...]:
    """Patches for devices between the versions, in order."""
    made = versions()
    pairs = itertools.pairwise(made)
    return tuple(sapwood.diff(old, new, profile="device").to_bytes() for old, new in pairs)


def test_a_chain_for_devices_finds_every_version() -> None:
    made = versions()
    chain = sapwood.chain_create(device_patches())
    assert chain.to_bytes() == joined(device_patches())
    assert chain.hash is HashKind.SHA256
    for number, version in enumerate(made, 1):
        with sapwood.formats.model.open_model(version) as model:
            assert chain.find(model) == number
        assert chain.apply(version, from_any=True) == made[-1]
        assert decode_chain(chain.to_bytes(), version) == made[-1]
        chain.verify(version)
    chain.verify()
    with pytest.raises(WrongBase):
        chain.apply(b"something else", from_any=True)
    assert sapwood.chain_create(patches()).hash is HashKind.BLAKE3


def test_models_at_hand_go_by_the_hash_of_the_links() -> None:
    made, links = versions(), device_patches()
    wanted = joined(links)
    for items in (
        [made[0], *links],
        [links[0], made[1], *links[1:]],
        [made[0], links[0], made[1], links[1], made[2], links[2], made[3]],
    ):
        assert sapwood.chain_create(items).to_bytes() == wanted
    with pytest.raises(BrokenChain, match="does not begin where"):
        sapwood.chain_create([made[1], *links])


def test_links_of_two_hashes_are_a_broken_chain(tmp_path: Path) -> None:
    ours, theirs = device_patches(), patches()
    for items in ([ours[0], theirs[1]], [theirs[0], ours[1]], [versions()[0], versions()[1], ours[1]]):
        with pytest.raises(BrokenChain, match="link 2 names a version by another hash") as caught:
            sapwood.chain_create(items)
        assert {caught.value.expected, caught.value.found} == {"blake3", "sha256"}
    for mixed in ((ours[0], theirs[1]), (theirs[0], ours[1])):
        with pytest.raises(BrokenChain, match="another hash"):
            sapwood.open_chain(joined(mixed))
        with pytest.raises(Refused):
            decode_chain(joined(mixed), versions()[0])
    place = tmp_path / "devices.swchain"
    sapwood.chain_create(ours[:1], place)
    before = place.read_bytes()
    with pytest.raises(BrokenChain, match="another hash"):
        sapwood.chain_append(place, [theirs[1]])
    assert place.read_bytes() == before
    assert sapwood.chain_append(place, [versions()[1], *ours[1:]]).to_bytes() == joined(ours)


def test_no_link_for_hosts_is_made_behind_links_for_devices() -> None:
    with pytest.raises(WrongCall, match="follows links for devices"):
        sapwood.chain_create([versions()[0], device_patches()[0], versions()[2]])


def _with_kinds(chain: bytes, base: int, target: int) -> bytes:
    """A chain of one link whose record says these shapes and hashes, sealed again."""
    start = len(chain) - len(chain[6:])
    record = bytearray(chain[start : start + RECORD_SIZE])
    record[20], record[61] = base, target
    record[-4:] = zlib.crc32(record[:-4]).to_bytes(4, "little")
    patch = chain[start + RECORD_SIZE : -32]
    return chain[:start] + bytes(record) + patch + blake3(bytes(record) + patch).digest()


def test_a_record_that_lies_about_the_hash_is_refused() -> None:
    ours, theirs = joined(device_patches()[:1]), joined(patches()[:1])
    assert _with_kinds(ours, 0x11, 0x11) == ours
    for chain, base, target, wanted in (
        (ours, 0x01, 0x01, BrokenChain),
        (theirs, 0x11, 0x11, BrokenChain),
        (ours, 0x01, 0x11, BrokenChain),
        (ours, 0x11, 0x01, BrokenChain),
        (ours, 0x21, 0x21, UnsupportedPatch),
        (theirs, 0xF1, 0xF1, UnsupportedPatch),
    ):
        damaged = _with_kinds(chain, base, target)
        with pytest.raises(wanted):
            sapwood.open_chain(damaged).apply(versions()[0])
        with pytest.raises(Refused):
            decode_chain(damaged, versions()[0])


def test_squashed_links_for_devices_keep_their_hash() -> None:
    made, chain = versions(), sapwood.chain_create(device_patches())
    patch = sapwood.chain_squash(chain, base=made[0]).patch
    assert patch.manifest.hash is HashKind.SHA256
    assert patch.manifest.profile is not None
    assert patch.to_bytes() == sapwood.diff(made[0], made[-1], profile="device").to_bytes()


def test_a_squash_reads_no_further_behind_than_its_links() -> None:
    made = versions()[:3]
    inserted = [made[0], made[1][:700] + bytes(range(64)) + made[1][700:], made[2]]
    for behind in (0, 64):
        links = [
            sapwood.diff(inserted[i], inserted[i + 1], profile="device", state=state, behind=behind)
            for i, state in enumerate((2048, 512))
        ]
        patch = sapwood.chain_squash(sapwood.chain_create(links), base=made[0]).patch
        wanted = sapwood.diff(made[0], made[2], profile="device", state=512, behind=behind)
        assert patch.to_bytes() == wanted.to_bytes()
        assert patch.manifest.profile is not None
        assert patch.manifest.profile.behind <= behind


def test_links_put_together_keep_their_hash() -> None:
    base = random.Random(1).randbytes(6000)
    made = [base, base[:2000] + b"one" + base[2000:], base[:2000] + b"one" + base[2000:5000] + b"two"]
    links = [sapwood.diff(made[i], made[i + 1], level="fast").to_bytes() for i in (0, 1)]
    ours = [seal.with_sha256(link, made[i], made[i + 1]) for i, link in enumerate(links)]
    squashed = [sapwood.chain_squash(sapwood.chain_create(row)) for row in (links, ours)]
    assert all(squash.composed for squash in squashed)
    plain, hashed = (squash.patch.manifest for squash in squashed)
    assert (plain.hash, hashed.hash) == (HashKind.BLAKE3, HashKind.SHA256)
    assert sapwood.apply(made[0], squashed[1].patch) == made[2]
    assert [dataclasses.replace(c, digest=b"") for c in plain.chunks] == [
        dataclasses.replace(c, digest=b"") for c in hashed.chunks
    ]


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for i, version in enumerate(versions(), 1):
        (tmp_path / f"v{i}").write_bytes(version)
    for i, patch in enumerate(device_patches(), 1):
        (tmp_path / f"d{i}").write_bytes(patch)
    (tmp_path / "devices.swchain").write_bytes(joined(device_patches()))
    for i, patch in enumerate(patches(), 1):
        (tmp_path / f"p{i}").write_bytes(patch)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _ways(found: sapwood.FleetPlan) -> list[list[str] | None]:
    ways = [group.way for group in found.groups]
    return [None if way is None else [edge.name for edge in way.edges] for way in ways]


@pytest.mark.usefixtures("room")
def test_a_plan_knows_versions_by_either_hash() -> None:
    assert _ways(sapwood.plan(["d1", "d2", "d3"], {"v1": 3, "v3": 1}, "v4")) == [["d1", "d2", "d3"], ["d3"]]
    links = [f"devices.swchain#{number}" for number in (1, 2, 3)]
    assert _ways(sapwood.plan(["devices.swchain"], {"v1": 3}, "v4")) == [links]
    # v2 is given, so it is known to be one version in the patches of both hashes.
    assert _ways(sapwood.plan(["d1", "p2", "d3"], {"v1": 1, "v2": 1, "v3": 1}, "v4")) == [
        ["d1", "p2", "d3"],
        ["p2", "d3"],
        ["d3"],
    ]
    # What no model tells cannot be known.
    assert _ways(sapwood.plan(["d1", "p2"], {"v1": 1}, "v3")) == [None]


@pytest.mark.usefixtures("room")
def test_groups_that_are_one_version_by_two_hashes_are_told() -> None:
    manifests = [sapwood.open_patch(name).manifest for name in ("d1", "p1")]
    by_hash = {manifest.base.digest.hex(): 1 for manifest in manifests}
    found = sapwood.plan(["d1", "p1"], by_hash, "v2")
    assert _ways(found) == [["d1"], ["p1"]]
    with pytest.raises(WrongCall, match="two groups run the same"):
        sapwood.plan(["d1", "p1"], {**by_hash, "v1": 1}, "v2")
