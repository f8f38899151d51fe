"""``sapwood info``: what a patch says about itself."""

import dataclasses

import click

from sapwood.cli import options, screen

__all__ = ["command"]


@click.command("info")
@click.argument("patch")
@options.as_json
def command(*, patch: str, as_json: bool) -> None:
    """Show what PATCH is from, to, and made of.

    Only its manifest is read; nothing is proved. See verify.
    """
    import sapwood
    from sapwood.patch.guardrails import describe_guards

    opened = sapwood.open_patch(patch)
    manifest = opened.manifest
    models = {"base": manifest.base, "second base": manifest.second_base, "target": manifest.target}
    if as_json:
        described = {
            name.replace(" ", "_"): {
                "shape": model.shape.name.lower(),
                "size": model.size,
                manifest.hash.label: model.digest.hex(),
                "files": [{"path": file.path, "size": file.size} for file in model.files],
            }
            for name, model in models.items()
        }
        screen.print_json(
            {
                "size": opened.size,
                "format": manifest.format,
                "hash": manifest.hash.label,
                **described,
                "chunks": len(manifest.chunks),
                "version_counter": manifest.version_counter,
                "signed": opened.signed,
                "authentication": opened.authentication.label,
                "key_id": manifest.key_id.hex(),
                "kept": [{"offset": offset, "length": length} for offset, length in manifest.kept],
                "profile": dataclasses.asdict(manifest.profile) if manifest.profile else None,
                "guardrails": describe_guards(manifest.guardrails),
                "metadata": manifest.metadata,
            }
        )
        return
    share = opened.size / manifest.target.size if manifest.target.size else None
    facts = {"patch": f"{screen.size(opened.size)}, {screen.share(share)} of the target"}
    for name, model in models.items():
        files = f", {len(model.files)} files" if model.files else ""
        what = f"{model.shape.name.lower()} of {screen.size(model.size)}{files}, {model.name}"
        facts[name] = what if model.digest else "none"
    facts["format"] = manifest.format or "unknown"
    facts["chunks"] = str(len(manifest.chunks))
    facts["version counter"] = str(manifest.version_counter)
    how = opened.authentication.label
    facts["signature"] = f"{how}, by key {manifest.key_id.hex()}, not checked" if opened.signed else "none"
    if manifest.kept:
        kept = sum(length for _, length in manifest.kept)
        facts["kept"] = f"{screen.size(kept)} of the target, read again for what repeats it"
    if manifest.profile is not None:
        facts["profile"] = (
            f"device, {manifest.profile.state} bytes of state, reads {manifest.profile.window} bytes back "
            f"in what it made and {manifest.profile.behind} behind in the base"
            f"{', integers only' if manifest.profile.integers else ''}"
        )
    facts |= {f"guard {name}": str(value) for name, value in describe_guards(manifest.guardrails).items()}
    facts |= {f"meta {key}": value for key, value in manifest.metadata.items()}
    screen.print_facts(facts)
