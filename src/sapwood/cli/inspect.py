"""``sapwood inspect``: what Sapwood sees in a model."""

import click

from sapwood.cli import options, screen

__all__ = ["command"]


@click.command("inspect")
@click.argument("model")
@options.as_json
def command(*, model: str, as_json: bool) -> None:
    """Show the tensors of MODEL, and its share of glue.

    Glue is all that is no tensor: headers, padding, metadata.
    """
    import sapwood

    with sapwood.open_model(model) as opened:
        layouts = [(file.path, file.layout) for file in opened.files]
        warnings = opened.warnings
    size = sum(layout.size for _, layout in layouts)
    tensors = [(path, span, tensor) for path, layout in layouts for span, tensor in layout.tensors()]
    glue = size - sum(span.length for _, span, _ in tensors)
    screen.warn(warnings)
    if as_json:
        listed = [
            {
                "file": path,
                "name": tensor.name,
                "dtype": tensor.dtype.name,
                "shape": tensor.shape,
                "offset": span.offset,
                "size": span.length,
            }
            for path, span, tensor in tensors
        ]
        files = [{"path": path, "format": layout.format, "size": layout.size} for path, layout in layouts]
        told = [
            {"format": w.format, "path": w.path, "reason": w.reason, "offset": w.offset} for w in warnings
        ]
        screen.print_json({"size": size, "glue": glue, "files": files, "tensors": listed, "warnings": told})
        return
    rows = [
        (
            f"{path}:{tensor.name}" if path else tensor.name,
            tensor.dtype.name,
            "x".join(map(str, tensor.shape)) or "scalar",
            str(span.offset),
            screen.size(span.length),
        )
        for path, span, tensor in tensors
    ]
    if rows:
        screen.print_table(("tensor", "dtype", "shape", "offset", "size"), rows, left=2)
        click.echo()
    formats = ", ".join(sorted({layout.format for _, layout in layouts})) or "none"
    part = screen.share(glue / size if size else None)
    click.echo(
        f"{len(tensors)} tensors, {screen.size(size)}, format {formats}; glue {screen.size(glue)}, {part}"
    )
