"""Elements of the float kinds as binary64, for estimates: nothing that is decoded depends on it."""

from typing import Final

import ml_dtypes
import numpy as np
import numpy.typing as npt

from sapwood.codec.element import Element

__all__ = ["Values", "half_ulps", "is_usual", "values_of"]

Values = npt.NDArray[np.float64]

_TYPES: Final = {
    Element.F16: np.dtype(np.float16),
    Element.BF16: np.dtype(ml_dtypes.bfloat16),
    Element.F32: np.dtype(np.float32),
    Element.F64: np.dtype(np.float64),
}
_MANTISSA: Final = {Element.F16: 10, Element.BF16: 7, Element.F32: 23, Element.F64: 52}
# Below these an ulp does not shrink any more.
_LEAST: Final = {
    Element.F16: 2.0**-14,
    Element.BF16: 2.0**-126,
    Element.F32: 2.0**-126,
    Element.F64: 2.0**-1022,
}


def values_of(data: memoryview | bytes, element: Element, step: int = 1) -> Values:
    """Every ``step``-th element."""
    with np.errstate(invalid="ignore"):  # a signalling NaN
        return np.frombuffer(data, _TYPES[element])[::step].astype(np.float64)


def is_usual(values: Values, element: Element) -> npt.NDArray[np.bool_]:
    """Which are normal numbers: not zero, subnormal, infinite or NaN."""
    magnitudes = np.abs(values)
    usual: npt.NDArray[np.bool_] = (magnitudes >= _LEAST[element]) & (magnitudes < np.inf)
    return usual


def half_ulps(values: Values, element: Element) -> Values:
    """Half a unit in the last place of each normal number."""
    _, exponents = np.frexp(values)
    halves: Values = np.ldexp(1.0, exponents - 2 - _MANTISSA[element])
    return halves
