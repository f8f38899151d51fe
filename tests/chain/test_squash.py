"""One patch for several links: right, and as small as a fresh one, with models and without."""

import itertools
import random
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from safetensors.numpy import save

import sapwood
from sapwood import _core
from sapwood.codec.block import Block, Codec
from sapwood.codec.splice import Splice, SpliceKind, encode_splice_as
from sapwood.errors import BadSignature, CorruptPatch, LimitExceeded, WrongBase, WrongCall
from tests.chain.built import patch_of, plain_splice, random_patch, scattered
from tests.chain.versions import chain, joined, versions
from tests.patch import seal

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))


def squashed(*links: bytes) -> bytes:
    """Without a model."""
    made = sapwood.chain_squash(sapwood.chain_create(links))
    assert made.composed
    return made.patch.to_bytes()


def needs_model(*links: bytes) -> str:
    with pytest.raises(WrongCall) as caught:
        squashed(*links)
    assert "Give the model" in caught.value.advice
    return str(caught.value)


def blocks(patch: bytes) -> list[Block]:
    return seal.parts(patch).all_blocks()


def codecs(patch: bytes) -> list[Codec]:
    return [block.codec for block in blocks(patch)]


NUMBERS = np.random.default_rng(1).standard_normal(40_000).astype(np.float32)
BASE = NUMBERS.tobytes()


def moved(data: bytes, scale: float = 1e-3) -> bytes:
    numbers = np.frombuffer(data, np.float32)
    change = 1 + scale * np.random.default_rng(len(data)).standard_normal(len(numbers))
    return (numbers * change).astype(np.float32).tobytes()


def numeric(base: bytes, offset: int, length: int) -> Block:
    coded = _core.encode_numeric(base[offset : offset + length], moved(base[offset : offset + length]), 7, 1)
    assert coded is not None
    return Block(Codec.NUMERIC, length, coded, (offset, length))


def check(base: bytes, first: list[Block], second: list[Block], *, anew: bool = False) -> list[Codec]:
    """Squash two built patches; the codecs of what came out."""
    one, middle = patch_of(base, first)
    two, target = patch_of(middle, second)
    if anew:
        needs_model(one, two)
        return []
    made = squashed(one, two)
    assert sapwood.apply(base, made) == target
    return codecs(made)


def test_copies_of_copies_are_copies() -> None:
    one = [plain_splice([(1000, 5000), b"between", (0, 400)], BASE)]
    middle = patch_of(BASE, one)[1]
    two = [plain_splice([(4000, 1200), (100, 50), (5003, 300)], middle)]
    assert check(BASE, one, two) == [Codec.SPLICE]


def test_blocks_that_need_no_base_are_taken_as_they_are() -> None:
    stored = Block(Codec.STORED, 5, b"ready")
    two = [plain_splice([(8, 800)], BASE), stored, plain_splice([(8000, 100)], BASE)]
    one = [plain_splice([(0, len(BASE) - 4)], BASE)]
    assert check(BASE, one, two) == [Codec.SPLICE, Codec.STORED, Codec.SPLICE]


def test_a_block_of_the_first_passes_through_a_copy_of_all_of_it() -> None:
    one = [numeric(BASE, 0, 8000), plain_splice([(8000, 152_000)], BASE)]
    two = [plain_splice([(8000, 100), (0, 8000), (9000, 100)], BASE)]
    assert check(BASE, one, two) == [Codec.SPLICE, Codec.NUMERIC, Codec.SPLICE]
    # Cut, it would have to be decoded.
    assert check(BASE, one, [plain_splice([(0, 4000)], BASE)], anew=True) == []


def test_a_block_of_the_second_moves_with_its_span() -> None:
    one = [plain_splice([b"header!!", (40_000, 80_000)], BASE)]
    middle = patch_of(BASE, one)[1]
    two = [plain_splice([(0, 8)], middle), numeric(middle, 8, 40_000)]
    assert check(BASE, one, two) == [Codec.SPLICE, Codec.NUMERIC]
    made = squashed(patch_of(BASE, one)[0], patch_of(middle, two)[0])
    assert blocks(made)[1].base == (40_000, 40_000)
    # Over two places of the base, it would have to be coded anew.
    two = [numeric(middle, 4, 40_000)]
    assert check(BASE, one, two, anew=True) == []


def test_few_changes_move_with_their_span_or_are_coded_anew() -> None:
    one = [plain_splice([b"header!!", (40_000, 80_000)], BASE)]
    middle = patch_of(BASE, one)[1]
    two = [plain_splice([(0, 8)], middle), scattered(middle, 8, 40_000)]
    assert check(BASE, one, two) == [Codec.SPLICE, Codec.SCATTERED]
    coded = _core.encode_numeric(None, BASE[:20_000], 7, 1)
    assert coded is not None
    one = [Block(Codec.NUMERIC, 20_000, coded)]
    assert check(BASE, one, [scattered(BASE[:20_000], 0, 20_000)]) == [Codec.NUMERIC]


def test_a_change_of_what_is_known_is_coded_anew() -> None:
    fresh = moved(BASE[:20_000], 3.0)
    coded = _core.encode_numeric(None, fresh, 7, 1)
    assert coded is not None
    one = [plain_splice([(0, 400)], BASE), Block(Codec.NUMERIC, 20_000, coded)]
    middle = patch_of(BASE, one)[1]
    two = [plain_splice([(0, 400)], middle), numeric(middle, 400, 20_000)]
    assert check(BASE, one, two) == [Codec.SPLICE, Codec.NUMERIC]
    # And a cut through it gives its bytes.
    assert check(BASE, one, [plain_splice([(390, 20), (1000, 60)], middle)]) == [Codec.SPLICE]


def test_a_change_of_a_change_needs_a_model() -> None:
    one = [numeric(BASE, 0, 8000)]
    middle = patch_of(BASE, one)[1]
    assert check(BASE, one, [numeric(middle, 0, 8000)], anew=True) == []


def test_bytes_replaced_twice_add_up() -> None:
    one = [plain_splice([(0, 100), b"abcd", (104, 400)], BASE)]
    middle = patch_of(BASE, one)[1]
    for at, size in ((100, 4), (98, 8), (101, 2), (200, 10)):
        two = [plain_splice([(0, at), b"z" * size, (at + size, 504 - at - size)], middle)]
        assert check(BASE, one, two) == [Codec.SPLICE]
    # Behind bytes that are given, differences to the base cannot be said.
    one = [plain_splice([(0, 100), b"inserted", (100, 400)], BASE)]
    middle = patch_of(BASE, one)[1]
    two = [plain_splice([(0, 106), b"replaced", (114, 300)], middle)]
    assert check(BASE, one, two, anew=True) == []


def test_modelled_splices_go_together_where_their_literals_are_known() -> None:
    def modelled(pieces: list[tuple[int, int] | bytes], base: bytes) -> Block:
        splice, view = Splice(), memoryview(base)
        for piece in pieces:
            if isinstance(piece, bytes):
                splice.literal(piece)
            else:
                splice.copy(*piece)
        coded = encode_splice_as(
            SpliceKind.MODELLED, splice, len(base), lambda at, size: view[at : at + size]
        )
        assert coded is not None
        return coded

    one = [modelled([(400, 900), (8, 4000)], BASE)]
    middle = patch_of(BASE, one)[1]
    assert check(BASE, one, [modelled([(100, 1500), (0, 30)], middle)]) == [Codec.SPLICE]
    # Literals are foreseen from the base's bytes, which nobody knows here ...
    assert check(BASE, one, [modelled([(100, 900), b"some text", (1009, 900)], middle)], anew=True) == []
    # ... though one of the first link is kept where the second leaves it whole ...
    one = [modelled([(400, 900), b"some text", (1309, 900)], BASE), plain_splice([(5000, 800)], BASE)]
    middle = patch_of(BASE, one)[1]
    assert check(BASE, one, [plain_splice([(1809, 400), (0, 1809)], middle)]) == [Codec.SPLICE] * 2
    # ... and they are known here.
    one = [Block(Codec.STORED, 2000, BASE[:2000])]
    middle = patch_of(BASE, one)[1]
    two = [modelled([(100, 900), b"some text", (1009, 900)], middle)]
    # A cut of what is stored comes as its bytes.
    assert check(BASE, one, two) == [Codec.SPLICE]


def test_literals_that_would_become_differences_are_kept_apart() -> None:
    one = [plain_splice([(50, 100), b"12345678", (300, 100)], BASE)]
    middle = patch_of(BASE, one)[1]
    # In the base the second run begins where the literals end.
    two = [plain_splice([(0, 100), b"12345678", (108, 50)], middle), plain_splice([(100, 8)], middle)]
    first = [plain_splice([(50, 100), (158, 100)], BASE)]
    middle = patch_of(BASE, first)[1]
    second = [plain_splice([(0, 100), b"12345678"], middle), plain_splice([(100, 50)], middle)]
    assert check(BASE, first, second) == [Codec.SPLICE, Codec.SPLICE]
    assert check(BASE, one, two[:1]) in ([Codec.SPLICE], [Codec.SPLICE, Codec.SPLICE])


@pytest.mark.parametrize("first", range(0, 120, 40))
def test_random_patches_come_to_the_same(first: int) -> None:
    done = 0
    for seed in range(first, first + 40):
        dice = random.Random(seed)
        versions, links = [BASE[: dice.randrange(2000, 10_000) * 4]], []
        for _ in range(dice.choice([2, 2, 3, 4])):
            link, target = random_patch(versions[-1], dice)
            if len(target) < 64 or target in versions:
                break
            links.append(link)
            versions.append(target)
        if len(links) < 2:
            continue
        try:
            made = squashed(*links)
        except WrongCall:
            continue
        assert sapwood.apply(versions[0], made) == versions[-1], seed
        done += 1
    assert done >= 5, "hardly any could be put together: the test tests little"


def test_real_files_of_which_each_version_changes_other_tensors() -> None:
    noise = np.random.default_rng(3)
    # As large as a block: smaller neighbours share one, and one change is a change of them all.
    tensors = {f"layer.{i}": noise.standard_normal((512, 512)).astype(np.float32) for i in range(4)}
    made = [save(tensors)]
    for i in range(3):
        changed = tensors[f"layer.{i}"] * (1 + 1e-3 * noise.standard_normal((512, 512)))
        tensors = {**tensors, f"layer.{i}": changed.astype(np.float32)}
        made.append(save(tensors))
    links = sapwood.chain_create(made, threads=1)
    squash = sapwood.chain_squash(links)
    assert squash.composed
    assert (squash.start, squash.end) == (1, 4)
    assert sapwood.apply(made[0], squash.patch) == made[-1]
    fresh = sapwood.diff(made[0], made[-1], threads=1)
    assert squash.patch.size <= 1.05 * fresh.size
    assert squash.patch.size < squash.links_size
    part = sapwood.chain_squash(links, start=2, to=3)
    assert sapwood.apply(made[1], part.patch) == made[2]


def test_with_the_base_it_is_the_patch_that_diff_makes(tmp_path: Path) -> None:
    opened = sapwood.open_chain(chain())
    needs_model(*(opened.extract(n).to_bytes() for n in (1, 2)))
    for start, end in itertools.combinations(range(4), 2):
        fresh = sapwood.diff(versions()[start], versions()[end], threads=1, version_counter=end).to_bytes()
        for base in (versions()[0], versions()[start]):
            made = sapwood.chain_squash(opened, base=base, start=start + 1, to=end + 1, threads=1)
            assert not made.composed
            assert made.patch.to_bytes() == fresh
    (tmp_path / "c").write_bytes(chain())
    sapwood.chain_squash(tmp_path / "c", tmp_path / "out", base=versions()[0], threads=1)
    assert sapwood.apply(versions()[0], tmp_path / "out") == versions()[-1]
    assert sorted(place.name for place in tmp_path.iterdir()) == ["c", "out"]


def test_a_chain_from_nothing_needs_no_base() -> None:
    links = sapwood.chain_create([sapwood.compress(versions()[0]), versions()[1], versions()[2]])
    made = sapwood.chain_squash(links, threads=1)
    assert (made.composed, made.start) == (False, 0)
    assert sapwood.apply(None, made.patch) == versions()[2]
    assert sapwood.apply(versions()[0], sapwood.chain_squash(links, start=1).patch) == versions()[2]


def test_what_the_last_link_says_is_kept_and_signatures_are_not() -> None:
    made = [random.Random(i).randbytes(500) for i in range(3)]
    links = [
        sapwood.diff(made[0], made[1], key=KEY, version_counter=4),
        sapwood.diff(
            made[1],
            made[2],
            key=KEY,
            version_counter=5,
            metadata={"note": "last"},
            guardrails={"family": "writer"},
        ),
    ]
    joined_links = sapwood.chain_create(links)
    for base in (made[0], None):
        plain = sapwood.chain_squash(joined_links, base=base, verify_key=KEY.public_key())
        assert plain.unsigned
        manifest = plain.patch.manifest
        assert (manifest.version_counter, manifest.metadata) == (5, {"note": "last"})
        assert manifest.guardrails == links[1].manifest.guardrails
        signed = sapwood.chain_squash(joined_links, base=base, key=KEY)
        assert not signed.unsigned
        assert sapwood.apply(made[0], signed.patch, verify_key=KEY.public_key()) == made[2]
    other = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)
    with pytest.raises(BadSignature):
        sapwood.chain_squash(joined_links, verify_key=other.public_key())


def test_links_for_devices_stay_for_devices() -> None:
    made = [version[:4000] for version in versions()[:3]]
    links = [sapwood.diff(made[i], made[i + 1], profile="device", state=s) for i, s in enumerate((2048, 512))]
    assert "for devices" in needs_model(*(link.to_bytes() for link in links))
    squash = sapwood.chain_squash(sapwood.chain_create(links), base=made[0])
    assert squash.patch.manifest.profile is not None
    assert squash.patch.manifest.profile.state == 512
    assert sapwood.apply(made[0], squash.patch) == made[2]


def test_calls_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    opened = sapwood.open_chain(chain())
    for start, to in ((2, 2), (3, 2), (4, None)):
        with pytest.raises(WrongCall, match="later version"):
            sapwood.chain_squash(opened, start=start, to=to)
    with pytest.raises(WrongBase):
        sapwood.chain_squash(opened, base=b"unknown")
    with pytest.raises(WrongCall, match="does not lead back"):
        sapwood.chain_squash(opened, base=versions()[2], start=2)
    with pytest.raises(WrongCall, match="without a model"):
        sapwood.chain_squash(opened, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_few_bytes_do_not_make_a_recipe_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    one = [plain_splice([(i * 8, 4) for i in range(1000)], BASE)]
    middle = patch_of(BASE, one)[1]
    two = [plain_splice([(0, 4000)] * 100, middle)]
    monkeypatch.setattr("sapwood.chain.recipe.MOST_OPS", 50_000)
    with pytest.raises(LimitExceeded, match="too many pieces"):
        squashed(patch_of(BASE, one)[0], patch_of(middle, two)[0])


def test_damaged_links_are_told() -> None:
    data = bytearray(joined(tuple(patch_of(BASE, [plain_splice([(0, 400)], BASE)])[:1])))
    data[-40] ^= 1
    with pytest.raises(CorruptPatch):
        sapwood.chain_squash(bytes(data))
