"""What a device's flash is like, and how models lie in it."""

import dataclasses
from typing import Final

from sapwood import _core
from sapwood.errors import WrongCall

__all__ = ["Part"]

_STATES: Final = (512, 2048)
_LARGEST_UNIT: Final = 16
_MOST_FLASH: Final = 1 << 31


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A device. Sizes in bytes; see ``core/include/sapwood_device.h``.

    Attributes:
        sector: Erased at once.
        unit: Programmed at least: 1, 2, 4, 8 or 16.
        state: Memory for the decoder's model: 512 or 2048.
        in_place: One region for the model instead of two slots.
        checkpoint: Sectors between two records of the decoder's state.
        models_size: Flash for models; None: what the update at hand takes.
        journal_size: Flash for the journal, in two halves; None: the least, and room for some records.
        erase_ms: Time to erase a sector, in milliseconds.
        program_us: Time to program a unit, in microseconds.
        link: What brings the patch, in bytes a second.
    """

    sector: int = 4096
    unit: int = 8
    state: int = 2048
    in_place: bool = False
    checkpoint: int = 4
    models_size: int | None = None
    journal_size: int | None = None
    erase_ms: float = 25.0
    program_us: float = 16.0
    link: float = 11520.0

    def __post_init__(self) -> None:
        """Refuse what is no part.

        Raises:
            WrongCall: A number makes no sense, or does not fit the others.
        """
        batch = _core.UPDATE_BATCH
        _expect(
            batch <= self.sector <= _MOST_FLASH and self.sector.bit_count() == 1,
            "sector",
            f"a power of two, at least {batch}",
            self.sector,
        )
        _expect(self.unit in (1, 2, 4, 8, _LARGEST_UNIT), "unit", "1, 2, 4, 8 or 16", self.unit)
        _expect(self.state in _STATES, "state", "512 or 2048", self.state)
        _expect(self.checkpoint > 0, "checkpoint", "at least 1", self.checkpoint)
        step = self.sector if self.in_place else 2 * self.sector
        if self.models_size is not None:
            _expect(
                0 < self.models_size <= _MOST_FLASH and self.models_size % step == 0,
                "models_size",
                f"a multiple of {step}",
                self.models_size,
            )
        if self.journal_size is not None:
            least = 2 * self.sectors(_core.update_record_size(self.state)) * self.sector
            _expect(
                least <= self.journal_size <= _MOST_FLASH and self.journal_size % (2 * self.sector) == 0,
                "journal_size",
                f"a multiple of {2 * self.sector}, at least {least}",
                self.journal_size,
            )

    def sectors(self, size: int) -> int:
        """Sectors that so many bytes take."""
        return -(-size // self.sector)

    def lead(self, behind: int) -> int:
        """Bytes that an update in place makes the new model below the old one."""
        return (self.checkpoint + self.sectors(behind)) * self.sector

    def with_room(self, base_size: int, target_size: int, behind: int) -> "Part":
        """This part with flash for such an update, where it does not say how much it has."""
        models = self.models_size
        if models is None and self.in_place:
            models = self.sectors(max(base_size, target_size)) * self.sector + self.lead(behind)
        elif models is None:
            models = 2 * max(1, self.sectors(max(base_size, target_size))) * self.sector
        journal = self.journal_size
        if journal is None:
            # Three records of a decoder in each half: every third one costs an erase.
            journal = 2 * self.sectors(3 * _core.update_record_size(self.state)) * self.sector
        return dataclasses.replace(self, models_size=models, journal_size=journal)


def _expect(holds: bool, name: str, expected: str, found: object) -> None:
    if not holds:
        raise WrongCall(f"no flash part is like this: {name}", expected=expected, found=found)
