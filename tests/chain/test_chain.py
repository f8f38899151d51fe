"""Chains made, made longer, taken apart and followed from any version to any later one."""

import itertools
import zlib
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from safetensors.numpy import save_file

import sapwood
from sapwood.chain.container import SEAL_SIZE
from sapwood.chain.grow import lock_chain
from sapwood.errors import (
    BadSignature,
    BrokenChain,
    CorruptPatch,
    GuardrailRefused,
    LimitExceeded,
    RollbackRefused,
    StorageFailure,
    WrongBase,
    WrongCall,
)
from tests.chain.versions import chain, joined, patches, versions
from tests.formats import folders
from tests.patch import models

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
TFLITE = Path(__file__).parents[2] / "bench" / "corpus" / "tflite"


def test_a_chain_holds_the_patches_that_diff_makes() -> None:
    made = sapwood.chain_create(versions(), threads=1, version_counter=1)
    assert made.extract(1).to_bytes() == patches()[0]
    assert [made.patch(n).to_bytes() for n in (1, 2, 3)] == list(patches())
    assert sapwood.chain_create(map(sapwood.open_patch, patches())).size == made.size


@pytest.mark.parametrize(("start", "end"), list(itertools.combinations_with_replacement(range(4), 2)))
def test_from_any_version_to_any_later_one(start: int, end: int) -> None:
    opened = sapwood.open_chain(chain())
    built = opened.apply(versions()[start], from_any=True, to=end + 1)
    assert built == versions()[end]


def test_a_version_is_named_by_its_number_or_its_digest() -> None:
    opened = sapwood.open_chain(chain())
    digest = opened.versions[1].digest.hex()
    for name in (2, "2", digest, digest[:8], digest[:12].upper()):
        assert opened.apply(versions()[0], to=name) == versions()[1]
    for name in (0, 5, "5", digest[:7], "f" * 64, "", "-1"):
        with pytest.raises(WrongCall, match="no such version"):
            opened.apply(versions()[0], to=name)


def test_without_from_any_the_base_is_version_1() -> None:
    opened = sapwood.open_chain(chain())
    assert opened.apply(versions()[0]) == versions()[-1]
    for to in (None, 1, 2):
        with pytest.raises(WrongBase if to != 1 else WrongCall):
            opened.apply(versions()[1], to=to)
    with pytest.raises(WrongBase):
        opened.apply(b"something else", to=1)


def test_a_chain_does_not_lead_back() -> None:
    with pytest.raises(WrongCall, match="does not lead back"):
        sapwood.open_chain(chain()).apply(versions()[2], from_any=True, to=1)


def test_another_base_is_refused_with_its_digest(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"other")
    with pytest.raises(WrongBase) as caught:
        sapwood.open_chain(chain()).apply(tmp_path / "other", tmp_path / "out", from_any=True)
    assert len(str(caught.value.found)) == 64
    assert not (tmp_path / "out").exists()


def test_files_are_written_whole_and_in_place(tmp_path: Path) -> None:
    path, model = tmp_path / "all.swchain", tmp_path / "model"
    path.write_bytes(chain())
    opened = sapwood.open_chain(path)
    for i, version in enumerate(versions()):
        model.write_bytes(version)
        opened.apply(model, tmp_path / "out", from_any=True)
        assert (tmp_path / "out").read_bytes() == versions()[-1]
        opened.apply(model, from_any=True, in_place=True)
        assert model.read_bytes() == versions()[-1], i
    assert sorted(p.name for p in tmp_path.iterdir()) == ["all.swchain", "model", "out"]


def test_large_versions_in_between_are_held_in_unnamed_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sapwood.chain.relay.IN_MEMORY", 1000)
    told = []
    assert (
        sapwood.open_chain(chain()).apply(
            versions()[0], progress=lambda done, total: told.append((done, total))
        )
        == versions()[-1]
    )
    total = sum(map(len, versions()[1:]))
    assert told[-1] == (total, total)
    assert told == sorted(told)
    (tmp_path / "v1").write_bytes(versions()[0])
    sapwood.open_chain(chain()).apply(tmp_path / "v1", tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "v1"]


def folder(place: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)
    return place


@pytest.mark.parametrize("limit", [1000, 1 << 20], ids=["files", "memory"])
def test_folders_and_changes_of_shape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr("sapwood.chain.relay.IN_MEMORY", limit)
    contents = [
        {"a.safetensors": versions()[0], "sub/notes": b"one", "gone": b"x"},
        {"a.safetensors": versions()[1], "sub/notes": b"two", "empty": b""},
        {"b.safetensors": versions()[2], "sub/deep/notes": b"three"},
    ]
    places = [folder(tmp_path / f"v{i}", files) for i, files in enumerate(contents)]
    single = tmp_path / "single"
    single.write_bytes(versions()[3])
    made = sapwood.chain_create([*places, single, tmp_path / "v0b"][:4], tmp_path / "c")
    assert made.apply(places[0], to=3) == contents[2]
    assert made.apply(places[1], from_any=True) == versions()[3]
    made.apply(places[0], tmp_path / "out", to=2)
    out = tmp_path / "out"
    assert {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()} == set(contents[1])
    made.apply(places[1], tmp_path / "same", from_any=True, to=2)
    assert (tmp_path / "same" / "sub" / "notes").read_bytes() == b"two"
    made.apply(places[0], in_place=True, to=3)
    assert (places[0] / "sub" / "deep" / "notes").read_bytes() == b"three"
    assert not (places[0] / "gone").exists()


def test_a_chain_that_begins_from_nothing() -> None:
    first = sapwood.compress(versions()[0]).to_bytes()
    made = sapwood.chain_create([first, *patches()])
    assert made.first == 0
    assert len(made.versions) == 4
    assert made.apply(None) == versions()[-1]
    assert made.apply(None, to=1, from_any=True) == versions()[0]
    assert made.apply(versions()[2], from_any=True) == versions()[-1]
    made.verify()
    # The model of version 1 is built, so the next link can be made.
    assert sapwood.chain_create([first, versions()[1]]).apply(None) == versions()[1]
    with pytest.raises(WrongBase, match="needs a base"):
        sapwood.open_chain(chain()).apply(None, from_any=True)


def test_models_and_patches_may_be_mixed(tmp_path: Path) -> None:
    made, links = versions(), patches()
    for items in (
        [made[0], links[0], made[2], links[2]],
        [made[0], links[0], made[1], links[1], links[2], made[3]],
        [links[0], made[1], made[2], links[2]],
    ):
        assert sapwood.chain_create(items).apply(made[0]) == made[3]
    with pytest.raises(WrongCall, match="model") as caught:
        sapwood.chain_create([links[0], made[2]])
    assert "expected" in str(caught.value)


def test_links_that_do_not_lead_on_are_refused(tmp_path: Path) -> None:
    made, links = versions(), patches()
    digests = [sapwood.open_patch(link).manifest.target.digest.hex() for link in links]
    for items in ([links[0], links[2]], [made[0], links[0], links[2]]):
        with pytest.raises(BrokenChain, match="link 2 does not begin") as caught:
            sapwood.chain_create(items, tmp_path / "c")
        assert (caught.value.expected, caught.value.found) == (digests[0], digests[1])
    with pytest.raises(BrokenChain, match="link 1 does not begin"):
        sapwood.chain_create([made[1], links[0]], tmp_path / "c")
    same = sapwood.diff(made[1], made[1]).to_bytes()
    for items, version in (([made[0], made[1], made[0]], 1), ([links[0], same], 2)):
        with pytest.raises(BrokenChain, match=f"link 2 leads back to version {version}"):
            sapwood.chain_create(items, tmp_path / "c")
    for nothing in ([], [made[0]], [made[0], made[0]]):
        with pytest.raises(WrongCall, match="one link at least"):
            sapwood.chain_create(nothing, tmp_path / "c")
    assert list(tmp_path.iterdir()) == []


def test_a_gap_a_loop_and_swapped_links_in_a_file_are_refused() -> None:
    links = patches()
    with pytest.raises(BrokenChain, match="link 2 does not begin where link 1 ends") as caught:
        sapwood.open_chain(joined((links[0], links[2])))
    assert caught.value.exit_code == 19
    with pytest.raises(BrokenChain, match="link 2 does not begin"):
        sapwood.open_chain(joined((links[1], links[0], links[2])))
    back = sapwood.diff(versions()[2], versions()[0]).to_bytes()
    with pytest.raises(BrokenChain, match="link 3 leads back to version 1"):
        sapwood.open_chain(joined((*links[:2], back)))
    alone = sapwood.compress(versions()[3]).to_bytes()
    with pytest.raises(CorruptPatch, match="link 2"):
        sapwood.open_chain(joined((links[0], alone)))


def test_a_patch_under_another_record_is_refused() -> None:
    """Swapped behind the records' back: sizes, records and seals are whole, the patches are not theirs."""
    other = sapwood.diff(versions()[0], versions()[2], version_counter=1).to_bytes()
    record = joined(patches()[:1])[6:112]
    whole = joined((other,))
    swapped = whole[:6] + record[:4] + whole[10:18] + record[12:102]
    swapped += zlib.crc32(swapped[6:]).to_bytes(4, "little") + whole[112:]
    opened = sapwood.open_chain(swapped)
    for use in (lambda: opened.apply(versions()[0]), lambda: opened.patch(1), lambda: opened.extract(1)):
        with pytest.raises(BrokenChain, match="link 1 holds another patch") as caught:
            use()
        assert caught.value.found == sapwood.open_patch(other).manifest.target.digest.hex()
    with pytest.raises(CorruptPatch, match="seal"):
        opened.verify()


def with_record(data: bytes, at: int, value: bytes) -> bytes:
    """A chain whose first record has other bytes at ``at``, under a CRC-32 that fits."""
    record = bytearray(data[6:112])
    record[at : at + len(value)] = value
    record[102:] = zlib.crc32(record[:102]).to_bytes(4, "little")
    return data[:6] + bytes(record) + data[112:]


def test_lengths_that_cannot_be_are_refused() -> None:
    most = b"\xff" * 8
    for size in (most, b"\xff" * 7 + b"\x7f", (1 << 40).to_bytes(8, "little")):
        huge = with_record(chain(2), 4, size)
        assert sapwood.open_chain(huge).links == ()
        with pytest.raises(CorruptPatch, match="ends within link 1"):
            sapwood.open_chain(huge).apply(versions()[0])
    # An empty patch, and one that ends too early.
    for short in (0, 5, 100):
        cut = with_record(chain(2), 4, short.to_bytes(8, "little"))
        with pytest.raises(CorruptPatch):
            sapwood.open_chain(cut).apply(versions()[0])
    for at in (21, 62):
        other = with_record(chain(2), at, most)
        with pytest.raises(BrokenChain, match="link 1 holds another patch"):
            sapwood.open_chain(other).apply(versions()[0])
    for at, shape in ((20, 3), (61, 0), (61, 255), (20, 0)):
        with pytest.raises(CorruptPatch, match="link 1"):
            sapwood.open_chain(with_record(chain(2), at, bytes([shape])))


def test_there_may_be_so_many_links(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "c").write_bytes(chain(3))
    monkeypatch.setattr("sapwood.chain.container.MAX_LINKS", 2)
    assert len(sapwood.open_chain(tmp_path / "c").links) == 2
    with pytest.raises(LimitExceeded, match="too many links"):
        sapwood.open_chain(chain(4))
    with pytest.raises(LimitExceeded, match="too many links"):
        sapwood.chain_append(tmp_path / "c", [patches()[2]])
    with pytest.raises(LimitExceeded, match="too many links"):
        sapwood.chain_create(patches())
    assert (tmp_path / "c").read_bytes() == chain(3)


def test_append_makes_the_same_file_as_create(tmp_path: Path) -> None:
    made, links = versions(), patches()
    path = tmp_path / "c"
    whole = sapwood.chain_create(made, tmp_path / "whole", threads=1, version_counter=1)
    sapwood.chain_create(made[:2], path, threads=1, version_counter=1)
    sapwood.chain_append(path, [made[2]], base=made[0], version_counter=2, threads=1)
    assert sapwood.chain_append(path, [links[2]]).links == whole.links
    assert path.read_bytes() == (tmp_path / "whole").read_bytes()
    # Nothing new: nothing is added.
    assert len(sapwood.chain_append(path, [made[3]]).links) == 3
    sapwood.chain_create(made[:1] + made[1:2], path)
    with pytest.raises(WrongCall, match="link 2 is made from two models"):
        sapwood.chain_append(path, [made[2]])
    grown = sapwood.chain_append(path, made[2:], base=made[1], version_counter=7)
    assert [link.version_counter for link in grown.links] == [0, 7, 8]
    with pytest.raises(BrokenChain, match="link 4 leads back to version 2"):
        sapwood.chain_append(path, [made[1]], base=made[0])
    with pytest.raises(WrongBase):
        sapwood.chain_append(path, [b"new"], base=b"unknown")
    assert sapwood.open_chain(path).apply(made[1], from_any=True) == made[3]


def test_one_append_at_a_time_and_not_through_a_link(tmp_path: Path) -> None:
    path = tmp_path / "c"
    path.write_bytes(chain(2))
    with lock_chain(str(path)), pytest.raises(StorageFailure, match="another append"):
        sapwood.chain_append(path, [patches()[1]])
    (tmp_path / "link").symlink_to(path)
    for place in (tmp_path / "link", tmp_path):
        with pytest.raises(WrongCall, match="folder or a link"):
            sapwood.chain_append(place, [patches()[1]])
    assert path.read_bytes() == chain(2)


def test_signatures_are_checked_on_the_way_and_stay_as_they_were(tmp_path: Path) -> None:
    made = versions()
    path = tmp_path / "c"
    signed = sapwood.chain_create(made[:3], path, key=KEY, version_counter=3)
    public = KEY.public_key()
    assert signed.apply(made[0], verify_key=public, min_version=4) == made[2]
    with pytest.raises(RollbackRefused):
        signed.apply(made[0], min_version=5)
    # What counts is the version that is built, not those in between.
    assert signed.apply(made[0], min_version=3, to=2) == made[1]
    signed.verify(key=public)
    sapwood.verify(signed.extract(2), made[1], key=public)
    mixed = sapwood.chain_append(path, [made[3]], base=made[0])
    with pytest.raises(BadSignature):
        mixed.verify(key=public)
    with pytest.raises(BadSignature):
        mixed.apply(made[0], verify_key=public)
    assert mixed.apply(made[0], verify_key=public, to=3) == made[2]
    stranger = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32).public_key()
    with pytest.raises(BadSignature):
        signed.apply(made[0], tmp_path / "out", verify_key=stranger)
    assert not (tmp_path / "out").exists()


def test_a_version_above_the_size_allowed_is_refused() -> None:
    made = sapwood.chain_create([b"one", b"two" * 1000, b"three"], level="fast")
    assert made.apply(b"one", max_size=3000) == b"three"
    with pytest.raises(LimitExceeded, match="larger than what is allowed"):
        made.apply(b"one", max_size=2999)
    assert made.apply(b"two" * 1000, from_any=True, max_size=5) == b"three"


def test_a_patch_with_a_second_base_is_no_link(tmp_path: Path) -> None:
    numbers = [np.random.default_rng(i).standard_normal(20_000).astype(np.float32) for i in range(2)]
    numbers.append(((numbers[0] + numbers[1]) / 2).astype(np.float32))
    files = []
    for i, array in enumerate(numbers):
        files.append(tmp_path / f"{i}.safetensors")
        save_file({"w": array}, files[-1])
    patch = sapwood.diff(files[0], files[2], also=files[1])
    assert patch.manifest.second_base.digest
    with pytest.raises(BrokenChain, match="link 1 needs a second base"):
        sapwood.chain_create([patch])
    opened = sapwood.open_chain(joined((patch.to_bytes(),)))
    with pytest.raises(BrokenChain, match="link 1 needs a second base"):
        opened.patch(1)
    patch.write(tmp_path / "p")
    with pytest.raises(WrongCall, match="second base"):
        sapwood.plan([tmp_path / "p"], {files[0]: 1}, files[2])


def test_guards_of_every_link_on_the_way_are_checked() -> None:
    made = versions()
    guarded = sapwood.diff(made[1], made[2], guardrails={"family": "writer"})
    links = sapwood.chain_create([made[0], made[1], guarded, made[3]])
    assert links.apply(made[0], device={"family": "writer"}) == made[3]
    with pytest.raises(GuardrailRefused):
        links.apply(made[0], device={"family": "reader"})
    assert links.apply(made[2], device={"family": "reader"}, from_any=True) == made[3]


def test_verify_builds_what_it_can() -> None:
    opened = sapwood.open_chain(chain())
    opened.verify()
    opened.verify(versions()[1])
    with pytest.raises(WrongBase):
        opened.verify(b"unknown")
    wrong = bytearray(chain())
    wrong[-SEAL_SIZE] ^= 1
    with pytest.raises(CorruptPatch, match="link 3 is damaged: its seal differs"):
        sapwood.open_chain(bytes(wrong)).verify()


def test_a_chain_of_tflite_models_for_devices() -> None:
    files = sorted(TFLITE.rglob("*.tflite"), key=lambda path: path.name)
    small = [path.read_bytes() for path in files if path.stat().st_size < 50_000][:3]
    assert len(small) == 3
    links = [sapwood.diff(small[i], small[i + 1], profile="device", state=512) for i in (0, 1)]
    made = sapwood.chain_create([small[0], *links])
    assert made.apply(small[0]) == small[2]
    assert made.apply(small[1], from_any=True) == small[2]


@pytest.mark.parametrize("kind", sorted(models.MAKERS))
def test_every_format_in_a_chain(kind: str) -> None:
    base, target = models.pair(kind, 20)
    third = target[:-1] + bytes([target[-1] ^ 1])
    made = sapwood.chain_create([base, target, third], level="fast", threads=1)
    for version in (base, target, third):
        assert made.apply(version, from_any=True, threads=1) == third
    assert sapwood.apply(base, sapwood.chain_squash(made, base=base, level="fast").patch) == third


@pytest.mark.parametrize("name", sorted(place.name[:-2] for place in folders.REAL.glob("*-1")))
def test_real_folders_in_a_chain(name: str, tmp_path: Path) -> None:
    first, second = (folders.contents(f"{name}-{number}") for number in (1, 2))
    path = max(second, key=lambda path: len(second[path]))
    third = {**second, path: second[path][:-1] + b"\0" + second[path][-1:]}
    places = [folder(tmp_path / f"v{i}", files) for i, files in enumerate((first, second, third))]
    made = sapwood.chain_create(places, level="fast", threads=1)
    for place in places:
        assert made.apply(place, from_any=True, threads=1) == third
