"""Collection at a remote."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sapwood.errors import BadData
from sapwood.repo.remotes import SYMBOLIC, Remotes
from sapwood.store.kinds import DIGEST_SIZE, Digest

if TYPE_CHECKING:
    from sapwood.store.remote.collect import Swept

__all__ = ["RemoteUpkeep"]


class RemoteUpkeep(Remotes):
    """``gc_remote``."""

    def gc_remote(
        self, remote: str | None = None, *, grace: int | None = None, dry_run: bool = False
    ) -> "Swept":
        """Give up what no branch or tag of a remote leads to, and make few packs of many small ones.

        Safe beside whoever pushes. What is given up loses its files when it is collected again, ``grace``
        seconds later; so long packs stay, too, that are there ahead of a push.

        Args:
            remote: Its name; ``origin``, or the only one, by default.
            grace: Two weeks by default. With 0 whoever fetches at the moment may have to try again, and an
                import on a cluster that is under way may lose what it has sent.
            dry_run: Only tell what would go.

        Raises:
            MissingInput: There is no such remote. WrongCall: It is a web server.
            MissingObject, BadData, DamagedStore: What its refs lead to is missing or damaged: all stays.
            RemoteFailure, StorageFailure: It failed; called again, it goes on.
        """
        from sapwood.repo.transfer import live_at  # noqa: PLC0415
        from sapwood.store.remote.collect import collect_remote  # noqa: PLC0415

        name, opened = self._remote(remote)
        with self.store.lease() as lease:

            def live(refs: Mapping[str, str]) -> set[Digest]:
                return live_at(self.objects, opened, _targets(refs, name), lease)

            return collect_remote(opened, live, self.store.root, grace=grace, dry_run=dry_run)


def _targets(refs: Mapping[str, str], name: str) -> list[Digest]:
    """What refs lead to. One whose value is not understood may lead anywhere: it is an error."""
    found = []
    for ref, value in refs.items():
        if value.startswith(SYMBOLIC):
            continue
        try:
            digest = bytes.fromhex(value)
        except ValueError:
            digest = b""
        if len(digest) != DIGEST_SIZE:
            raise BadData(f"ref {ref} of the remote is no digest", path=name, found=value)
        found.append(digest)
    return found
