"""A low-rank adapter that was merged, as PEFT writes it: where to begin the search for the factors.

Names: ``PREFIX.MODULE.lora_A[.NAME].weight`` (rank x inputs) and ``lora_B`` (outputs x rank), for the tensor
``MODULE.weight``. The adapter's scale is found from the models.
"""

import math
import re
from typing import Final

import numpy as np
import numpy.typing as npt

from sapwood.codec.element import Element, element_of
from sapwood.codec.predicted import FLOATS
from sapwood.errors import WrongCall
from sapwood.formats.model import Model
from sapwood.patch.float_values import Values, values_of

__all__ = ["Adapter", "Product"]

_NAME: Final = re.compile(r"^(?P<module>.+)\.lora_(?P<side>[AB])(?:\.[^.]+)?\.weight$")
# Rows that tell the scale.
_ROWS: Final = 16
# A scale this near to a multiple of 1/64 is one: alpha over rank.
_NICE: Final = 0.02

Floats = npt.NDArray[np.float32]


class Product:
    """``left`` (rows x rank) times ``right`` (rank x columns), up to a scale."""

    def __init__(self, left: Floats, right: Floats) -> None:
        self.left, self.right = left, right

    @property
    def rank(self) -> int:
        """Components."""
        return len(self.right)

    def rows(self, which: npt.NDArray[np.intp]) -> Values:
        """Some rows of the product; the order of the sums is fixed."""
        product = np.zeros((len(which), self.right.shape[1]))
        for k in range(self.rank):
            product += self.left[which, k, None].astype(np.float64) * self.right[k].astype(np.float64)
        return product

    def scaled(self, base: memoryview, target: memoryview, elements: tuple[Element, Element]) -> "Product":
        """With the scale that tells ``base`` from ``target`` best, as far as some rows say."""
        count, columns = len(self.left), self.right.shape[1]
        which = np.arange(0, count, max(count // _ROWS, 1))
        product = self.rows(which)
        with np.errstate(all="ignore"):
            old, new = (
                np.stack([values_of(data[i * size : (i + 1) * size], element) for i in which.tolist()])
                for data, element, size in zip(
                    (base, target), elements, (columns * e.width for e in elements), strict=True
                )
            )
            moved = np.nan_to_num(new - old, nan=0.0, posinf=0.0, neginf=0.0)
            square = math.fsum((product * product).ravel())
            scale = math.fsum((moved * product).ravel()) / square if square > 0 else 0.0
        nice = round(scale * 64) / 64
        scale = nice if nice and abs(nice - scale) <= _NICE * abs(scale) else scale
        return Product((self.left * np.float32(scale)).astype(np.float32), self.right)


class Adapter:
    """The products of an adapter, to be found by the names of the tensors they were merged into."""

    def __init__(self, model: Model) -> None:
        """Read an open model.

        Raises:
            WrongCall: It holds no pair of ``lora_A`` and ``lora_B``.
        """
        sides: dict[str, dict[str, Floats]] = {}
        for file in model.files:
            for span, tensor in file.layout.tensors():
                found = _NAME.match(tensor.name)
                element = element_of(tensor.dtype)
                if found is None or len(tensor.shape) < 2 or element not in FLOATS:
                    continue
                values = values_of(file.data[span.offset : span.offset + span.length], element)
                matrix = values.astype(np.float32).reshape(tensor.shape[0], -1)
                sides.setdefault(found["module"], {})[found["side"]] = matrix
        self._products = {
            module: Product(pair["B"], pair["A"])
            for module, pair in sides.items()
            if len(pair) == 2 and pair["B"].shape[1] == pair["A"].shape[0]
        }
        if not self._products:
            raise WrongCall(
                "the adapter holds no lora_A and lora_B that belong together",
                path=model.root,
                advice="Give the safetensors file that PEFT wrote.",
            )
        self._modules: dict[str, str | None] = {}
        for module in self._products:
            for ending in _endings(module):
                # What several modules end with names none of them.
                self._modules[ending] = None if ending in self._modules else module
        self._modules.update({module: module for module in self._products})

    def product(self, name: str, rows: int, columns: int) -> Product | None:
        """What was merged into the tensor of that name, if its shape fits."""
        wanted = name.removesuffix(".weight")
        for ending in (wanted, *_endings(wanted)):
            module = self._modules.get(ending)
            if module is not None:
                found = self._products[module]
                shapes = found.left.shape[0], found.right.shape[1]
                if shapes == (rows, columns):
                    return found
                if shapes == (columns, rows):
                    return Product(np.ascontiguousarray(found.right.T), np.ascontiguousarray(found.left.T))
                return None
        return None


def _endings(module: str) -> list[str]:
    """Ends of a dotted name, the longest first, of two parts at least."""
    parts = module.split(".")
    return [".".join(parts[i:]) for i in range(1, len(parts) - 1)]
