"""A comparison as a picture: bits a byte by the speed of encoding and of decoding, a dot for each coder."""

from collections.abc import Sequence

from sapwood.bytecoder.comparison.measure import Row
from sapwood.bytecoder.picture import saved

__all__ = ["picture"]


def picture(rows: Sequence[Row], kind: str) -> bytes:
    """The picture's bytes, of a kind that ``check_kind`` gave."""
    from matplotlib.figure import Figure  # noqa: PLC0415  it is optional, and takes long to import

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    for axis, way in zip(figure.subplots(1, 2, sharey=True), ("encode", "decode"), strict=True):
        for row in rows:
            seconds = row.encode_seconds if way == "encode" else row.decode_seconds
            speed = row.plain / max(seconds, 1e-9) / 1e6
            axis.plot(
                speed,
                row.bits_a_byte,
                marker="o",
                color="tab:green" if row.name.startswith("sapwood") else "tab:blue",
            )
            axis.annotate(
                row.name, (speed, row.bits_a_byte), xytext=(4, 4), textcoords="offset points", fontsize=8
            )
        axis.set_xscale("log")
        axis.set_xlabel(f"MB/s to {way}, one thread")
        axis.grid(alpha=0.3)
    figure.axes[0].set_ylabel("bits a byte, the mean of the files")
    return saved(figure, kind)
