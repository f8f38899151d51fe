"""What a diff did, by kind of tensor: for tables and for scripts."""

import dataclasses

from sapwood.formats.layout import FormatWarning

__all__ = ["DiffReport", "KindTotals"]


@dataclasses.dataclass
class KindTotals:
    """Bytes of one kind (a dtype's name, or "glue"), as they were and as they are coded.

    ``changed`` counts elements that differ from the base's, estimated from one eighth of them.
    """

    elements: int = 0
    changed: float = 0.0
    bytes_in: int = 0
    bytes_out: float = 0.0

    @property
    def changed_share(self) -> float | None:
        """Share of the elements with a counterpart in the base that differ from it; None if none has one."""
        return self.changed / self.elements if self.elements else None


@dataclasses.dataclass
class DiffReport:
    """Sizes in bytes, time in seconds; ``warnings`` are about the base, then the target."""

    base_size: int = 0
    target_size: int = 0
    patch_size: int = 0
    seconds: float = 0.0
    threads: int = 1
    level: str = "default"
    format: str = ""
    warnings: tuple[FormatWarning, ...] = ()
    kinds: dict[str, KindTotals] = dataclasses.field(default_factory=dict)

    @property
    def share(self) -> float:
        """Patch size over target size."""
        return self.patch_size / self.target_size if self.target_size else 0.0

    @property
    def megabytes_per_second(self) -> float:
        """Target bytes coded in a second, in units of a million."""
        return self.target_size / 1e6 / self.seconds if self.seconds else 0.0
