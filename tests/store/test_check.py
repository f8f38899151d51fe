"""What ``fsck`` reads, and how often."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from sapwood.errors import DamagedStore
from sapwood.patch.workers import Workers
from sapwood.store.kinds import Digest, Kind
from sapwood.store.reading import Reader, check_reach
from tests.store.stores import model_bytes, new_store, put_bytes


def test_fsck_decodes_a_delta_with_the_base_it_has_just_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever stands beside it: else each link of a chain is decoded again for every one above it."""
    asked: list[Digest] = []
    real = Reader.pieces

    def pieces(self: Reader, digests: Iterable[Digest], workers: Workers) -> Iterator[tuple[int, memoryview]]:
        wanted = list(digests)
        asked.extend(wanted)
        return real(self, wanted, workers)

    with new_store(tmp_path / "s") as store:
        recipe: Digest | None = None
        for number in range(4):
            with store.writer() as writer:
                recipe = put_bytes(writer, model_bytes(number), recipe)
        assert any(info.depth == 3 for info in store.objects(Kind.TENSOR))
        monkeypatch.setattr(Reader, "pieces", pieces)
        assert list(store.fsck()) == []
        assert asked
        assert all(store.info(digest).base is None for digest in asked)


@pytest.mark.parametrize(("offset", "length"), [(-1, 1), (0, 11), (10, 1), (5, -1), (11, 0)])
def test_a_delta_that_reaches_outside_its_base_is_damaged(offset: int, length: int) -> None:
    check_reach(0, 10, 10)
    check_reach(10, 0, 10)
    with pytest.raises(DamagedStore, match="outside its base"):
        check_reach(offset, length, 10)
