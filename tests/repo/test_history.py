"""Order, ancestry and merge bases, against plain definitions; and the drawn graph."""

from hypothesis import given
from hypothesis import strategies as st

from sapwood.repo.commit import Commit, Signature
from sapwood.repo.graph import Graph
from sapwood.repo.history import ancestors, is_ancestor, merge_bases, ordered

NOBODY = Signature("", 0)


@st.composite
def histories(draw: st.DrawFn) -> dict[bytes, Commit]:
    """Up to 12 commits, each with up to three of those before it as parents, at any times."""
    made: dict[bytes, Commit] = {}
    for i in range(draw(st.integers(1, 12))):
        parents = draw(st.lists(st.sampled_from(sorted(made)), max_size=3, unique=True)) if made else []
        when = Signature("", draw(st.integers(0, 5)))
        made[bytes([i]) * 32] = Commit(bytes(32), tuple(parents), NOBODY, when, "")
    return made


def all_before(history: dict[bytes, Commit], one: bytes) -> set[bytes]:
    return {one}.union(*(all_before(history, parent) for parent in history[one].parents))


@given(histories(), st.data())
def test_ancestry_is_what_parents_say(history: dict[bytes, Commit], data: st.DataObject) -> None:
    one, other = (data.draw(st.sampled_from(sorted(history))) for _ in range(2))
    read = history.__getitem__
    assert ancestors([one], read) == all_before(history, one)
    assert is_ancestor(other, one, read) is (other in all_before(history, one))
    common = all_before(history, one) & all_before(history, other)
    best = {c for c in common if not any(c != d and c in all_before(history, d) for d in common)}
    assert set(merge_bases(one, other, read)) == best


@given(histories())
def test_children_come_before_parents_whatever_clocks_say(history: dict[bytes, Commit]) -> None:
    order = ordered(sorted(history), history.__getitem__)
    assert sorted(order) == sorted(history)
    at = {digest: i for i, digest in enumerate(order)}
    assert all(at[one] < at[parent] for one in history for parent in history[one].parents)


@given(histories())
def test_what_is_hidden_is_left_out(history: dict[bytes, Commit]) -> None:
    newest = max(history)
    hidden = frozenset(all_before(history, min(history)))
    order = ordered([newest], history.__getitem__, hidden=hidden)
    assert set(order) == all_before(history, newest) - hidden


@given(histories())
def test_every_line_of_the_graph_leads_from_a_commit_to_its_parent(history: dict[bytes, Commit]) -> None:
    graph = Graph[bytes]()
    waiting: set[bytes] = set()
    for one in ordered(sorted(history), history.__getitem__):
        row = graph.add(one, history[one].parents)
        waiting = (waiting - {one}) | set(history[one].parents)
        assert row.node.count("*") == 1
        assert row.beside.split() == ["|"] * len(waiting)
        assert all(set(link) <= set("|/\\ ") for link in row.links)
    assert not waiting


def test_a_merge_is_drawn_as_git_draws_it() -> None:
    graph = Graph[str]()
    lines = []
    for name, parents in (("M", "AB"), ("B", "R"), ("A", "R"), ("R", "")):
        row = graph.add(name, list(parents))
        lines += [f"{row.node} {name}", *row.links]
    assert lines == ["* M", "|\\", "| * B", "* | A", "|/", "* R"]
