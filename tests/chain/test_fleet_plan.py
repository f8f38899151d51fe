"""Plans: the way of fewest bytes for each group, what is not needed, and what is missing."""

import itertools
import random
from pathlib import Path

import pytest

import sapwood
from sapwood.chain.fleet_graph import NOTHING, Edge, ways_to
from sapwood.errors import BrokenChain, CorruptPatch, MissingInput, WrongCall
from tests.chain.versions import chain, versions


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four versions, the patches between neighbours, a chain of them, and one patch that skips."""
    for i, version in enumerate(versions(), 1):
        (tmp_path / f"v{i}").write_bytes(version)
    for start, end in ((1, 2), (2, 3), (3, 4), (1, 3)):
        sapwood.diff(versions()[start - 1], versions()[end - 1], tmp_path / f"p{start}{end}", threads=1)
    (tmp_path / "all.swchain").write_bytes(chain())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def size(name: str) -> int:
    return Path(name).stat().st_size


def test_each_group_takes_the_way_of_fewest_bytes(room: Path) -> None:
    found = sapwood.plan(["p12", "p23", "p34", "p13"], {"v1": 1000, "v3": 10, "v4": 5}, "v4")
    ways = [[edge.name for edge in group.way.edges] for group in found.groups if group.way]
    assert size("p13") < size("p12") + size("p23")
    assert ways == [["p13", "p34"], ["p34"], []]
    assert found.sent == 1000 * (size("p13") + size("p34")) + 10 * size("p34")
    assert {edge.name for edge in found.kept} == {"p13", "p34"}
    assert {edge.name for edge in found.unneeded} == {"p12", "p23"}
    assert found.unreachable == ()
    base = versions()[0]
    for name in ways[0]:
        made = sapwood.apply(base, name)
        assert isinstance(made, bytes)
        base = made
    assert base == versions()[3]


def test_links_of_a_chain_are_patches_too(room: Path) -> None:
    found = sapwood.plan(["all.swchain"], {"v2": 3}, "v4")
    assert found.groups[0].way is not None
    assert [edge.name for edge in found.groups[0].way.edges] == ["all.swchain#2", "all.swchain#3"]
    assert found.sent == 3 * sum(link.size for link in sapwood.open_chain("all.swchain").links[1:])


def test_versions_are_named_by_models_or_digests(room: Path) -> None:
    digests = [sapwood.open_patch(f"p{i}{i + 1}").manifest.base.digest.hex() for i in (1, 2, 3)]
    last = sapwood.open_patch("p34").manifest.target.digest.hex()
    by_digest = sapwood.plan(["p12", "p23", "p34"], {digests[0][:8]: 2, digests[1].upper(): 1}, last)
    by_model = sapwood.plan(["p12", "p23", "p34"], {"v1": 2, "v2": 1}, "v4")
    assert [group.way for group in by_digest.groups] == [group.way for group in by_model.groups]
    unknown = sapwood.plan(["p12"], {"ab" * 32: 1}, "v2")
    assert len(unknown.unreachable) == 1
    with pytest.raises(WrongCall, match="begins so"):
        sapwood.plan(["p12"], {"ab" * 5: 1}, "v2")
    with pytest.raises(MissingInput, match="nowhere"):
        sapwood.plan(["p12"], {"nowhere": 1}, "v2")


def test_a_patch_without_a_base_is_a_way_for_everyone(room: Path) -> None:
    sapwood.compress("v4", "whole", threads=1)
    found = sapwood.plan(["p34", "whole"], {"v3": 1, "v1": 1, None: 1, "ab" * 32: 1}, "v4")
    ways = [[edge.name for edge in group.way.edges] for group in found.groups if group.way]
    assert ways == [["p34"], ["whole"], ["whole"], ["whole"]]
    assert [group.name for group in found.groups] == ["v3", "v1", "none", "ab" * 32]


def test_groups_without_a_way_are_named(room: Path) -> None:
    found = sapwood.plan(["p12", "p34"], {"v1": 7, "v3": 1, None: 2}, "v4")
    assert [(group.name, group.devices) for group in found.unreachable] == [("v1", 7), ("none", 2)]
    assert [edge.name for edge in found.kept] == ["p34"]
    assert found.sent == size("p34")


def test_the_patch_that_would_save_most_is_told(room: Path) -> None:
    links = ["p12", "p23", "p34"]
    fresh = {v: sapwood.diff(v, "v4").size for v in ("v1", "v2", "v3")}
    runs = {"v1": 100, "v2": 3, "v4": 1}
    found = sapwood.plan(links, runs, "v4", fresh=True)
    today = {"v1": sum(map(size, links)), "v2": size("p23") + size("p34")}
    told = {missing.name: missing for missing in found.missing}
    # A patch from v2 also shortens the way of those that run v1.
    through = min(today["v1"], size("p12") + fresh["v2"])
    assert told["v1"].saved == 100 * (today["v1"] - fresh["v1"])
    assert told["v2"].saved == 3 * (today["v2"] - fresh["v2"]) + 100 * (today["v1"] - through)
    assert [missing.name for missing in found.missing] == sorted(told, key=lambda n: -told[n].saved)
    assert told["v1"].size == fresh["v1"]
    lost = sapwood.plan(["p34"], {"v1": 4, "v3": 1}, "v4", fresh=True)
    assert [(missing.name, missing.reached, missing.saved) for missing in lost.missing] == [("v1", 4, 0)]
    assert sapwood.plan(links, {"v3": 9}, "v4", fresh=True).missing == ()
    with pytest.raises(WrongCall, match="made from models"):
        sapwood.plan(links, {"ab" * 32: 1}, "v4", fresh=True)


def test_calls_that_make_no_sense_are_refused(room: Path) -> None:
    with pytest.raises(WrongCall, match="fewer than 0"):
        sapwood.plan(["p12"], {"v1": -1}, "v2")
    digest = sapwood.open_patch("p12").manifest.base.digest.hex()
    with pytest.raises(WrongCall, match="two groups"):
        sapwood.plan(["p12"], {"v1": 1, digest: 1}, "v2")
    with pytest.raises(CorruptPatch):
        sapwood.plan(["v1"], {"v1": 1}, "v2")
    (room / "cut").write_bytes(chain()[:-1])
    with pytest.raises(CorruptPatch, match="ends within link"):
        sapwood.plan(["cut"], {"v1": 1}, "v2")
    assert issubclass(BrokenChain, sapwood.SapwoodError)


def _cheapest(start: int, target: int, edges: list[tuple[int, int, int]]) -> int | None:
    """By trying every row of edges."""
    best: int | None = 0 if start == target else None
    for count in range(1, 5):
        for row in itertools.permutations(edges, count):
            joined = all(one[1] == two[0] for one, two in itertools.pairwise(row))
            if joined and row[0][0] in (start, 0) and row[-1][1] == target:
                cost = sum(edge[2] for edge in row)
                best = cost if best is None else min(best, cost)
    return best


@pytest.mark.parametrize("seed", range(30))
def test_no_other_way_is_cheaper(seed: int) -> None:
    dice = random.Random(seed)
    edges = [(dice.randrange(5), dice.randrange(1, 5), dice.randrange(1, 50)) for _ in range(7)]
    names = [NOTHING, *(bytes([i]) * 32 for i in range(1, 5))]
    ways = ways_to(names[4], [Edge(cost, str(i), names[a], names[b]) for i, (a, b, cost) in enumerate(edges)])
    for start in range(5):
        way = ways.get(names[start], ways.get(NOTHING))
        assert (way.size if way else None) == _cheapest(start, 4, edges), start
        if way is not None and way.edges:
            assert way.edges[0].base in (names[start], NOTHING)
            assert sum(edge.size for edge in way.edges) == way.size
