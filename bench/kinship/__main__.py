"""The best base found among thousands of kin and strangers: hit rates and times.

python -m bench.kinship                                    2,000 models, some ten minutes on one core
python -m bench.kinship --models 200 --measured 1          a tenth of that
python -m bench.kinship --real                             the checkpoints themselves, each against all others

Families are slices of real checkpoints (python -m bench --prepare makes them), real fine-tunes of the same
slices, and what fine-tunes, steps, merges, prunings, decays, casts, quantisations and copies make of those;
the rest are strangers of the same shapes and values. Models are made on the fly, fingerprinted, and let go.

The best base is the one that gives the smallest patch, measured for some queries against every member of
their family, with tensors matched by their true names. "parent" is the model that a query was made of, or one
with the same contents; it is not always the best base.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import sapwood
from bench import facts
from bench.kinship import forest
from bench.kinship.changes import COPIES, child

# Queries of each family's shapes that have no kin in the database.
_STRANGERS = 5
# Models of each family whose sketch is timed.
_TIMED = 5
_COPIES = {change.__name__ for change in COPIES}


@dataclass
class Query:
    """A model that is not in the database, and what should be found.

    Attributes:
        parents: Names of the models that are the parent, or have its contents.
        sizes: Patch sizes by name of the base, where they were measured.
    """

    family: int
    change: str
    sketch: sapwood.Fingerprint
    exact: sapwood.Fingerprint
    parents: frozenset[str]
    sizes: dict[str, int] = field(default_factory=dict)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    pairs = options.corpus / "pairs"
    if not (pairs / "sft" / "f32" / "base.safetensors").exists():
        print(f"no checkpoints in {pairs}: make them with python -m bench --prepare", file=sys.stderr)
        return 3
    with tempfile.TemporaryDirectory() as room:
        place = Path(room, "models.db")
        told = _real(pairs, place) if options.real else _generated(options, pairs, place)
    told["machine"] = facts.machine()
    print(json.dumps(told, indent=1))
    if options.json:
        options.json.write_text(json.dumps(told, indent=1) + "\n")
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m bench.kinship", description=__doc__, formatter_class=raw)
    add = parser.add_argument
    add("--models", type=int, default=2000, help="models in the database")
    add("--strangers", type=float, default=0.2, help="share of them that have no kin")
    add("--queries", type=int, default=15, help="queries for each family")
    add("--measured", type=int, default=1, help="of those, queries whose patches are measured ...")
    add("--every", type=int, default=1, help="... in every such family")
    add("--seed", type=int, default=1)
    add("--real", action="store_true", help="the real checkpoints instead")
    add("--corpus", type=Path, default=Path("build/bench"), help="where python -m bench keeps its files")
    add("--json", type=Path, help="also write everything to this file")
    return parser.parse_args(arguments)


def _generated(options: argparse.Namespace, pairs: Path, place: Path) -> dict[str, Any]:
    dice = np.random.default_rng(options.seed)
    lone = int(options.models * options.strangers)
    each = -(-(options.models - lone) // forest.FAMILIES)
    queries: list[Query] = []
    stranger_queries: list[sapwood.Fingerprint] = []
    seconds: list[float] = []
    with sapwood.FingerprintDatabase(place, create=True) as database:
        for family in range(forest.FAMILIES):
            members = forest.real(pairs, family)[:each]
            list(forest.grow(members, family, each - len(members), dice))
            count = lone // forest.FAMILIES + (family < lone % forest.FAMILIES)
            whole = [m.made for m in members if not m.made.packed]
            strangers = [forest.stranger(whole[i % len(whole)], dice) for i in range(count + _STRANGERS)]
            files = [(m.name, m.made.file()) for m in members]
            files += [(f"stranger {family}/{i}", s.file()) for i, s in enumerate(strangers[_STRANGERS:])]
            prints = []
            for name, file in files:
                prints.append((name, sapwood.fingerprint(file, threads=1)))
            for _, file in files[:_TIMED]:
                started = time.process_time()
                sapwood.fingerprint(file, exact=False)
                seconds.append(time.process_time() - started)
            database.add(prints)
            stranger_queries += [sapwood.fingerprint(s.file(), exact=False) for s in strangers[:_STRANGERS]]
            queries += _queries(options, members, dict(prints), family, dice)
            print(f"family {family + 1} of {forest.FAMILIES}", file=sys.stderr, flush=True)
    return _asked(place, queries, stranger_queries) | {
        "sketch of a model, CPU ms": _spread([1000 * s for s in seconds]),
        "database, bytes": place.stat().st_size,
    }


def _queries(
    options: argparse.Namespace,
    members: list[forest.Member],
    prints: dict[str, sapwood.Fingerprint],
    family: int,
    dice: np.random.Generator,
) -> list[Query]:
    found = []
    for number in range(options.queries):
        parent = members[dice.integers(len(members))]
        change, made = child(parent.made, dice)
        contents = prints[parent.name].contents
        same = frozenset(name for name, one in prints.items() if one.contents == contents)
        file = made.file()
        query = Query(
            family,
            change,
            sapwood.fingerprint(file, exact=False),
            sapwood.fingerprint(file, threads=1),
            same | {parent.name},
        )
        if number < options.measured and family % options.every == 0:
            target = made.plain_file()
            query.sizes = {
                m.name: sapwood.diff(m.made.plain_file(), target, level="fast", threads=1).size
                for m in members
            }
        found.append(query)
    return found


def _asked(place: Path, queries: list[Query], strangers: list[sapwood.Fingerprint]) -> dict[str, Any]:
    times: list[float] = []
    cpu: list[float] = []

    def find(database: sapwood.FingerprintDatabase, one: sapwood.Fingerprint) -> list[Any]:
        started, used = time.perf_counter(), time.process_time()
        found = database.find(one)
        times.append(time.perf_counter() - started)
        cpu.append(time.process_time() - used)
        return found

    misses: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    ratios, best_hits, wrong_family, copies, copies_told = [], 0, 0, 0, 0
    with sapwood.FingerprintDatabase(place) as database:
        count = len(database)
        for query in queries:
            found = find(database, query.sketch)
            asked[query.change] += 1
            first = found[0].path if found else ""
            misses[query.change] += first not in query.parents
            wrong_family += any(not match.path.startswith(f"{query.family}/") for match in found)
            if query.sizes:
                best = min(query.sizes.values())
                ratios.append(query.sizes.get(first, 10 * best) / best)
                best_hits += ratios[-1] == 1
            if query.change in _COPIES:
                copies += 1
                exact = database.find(query.exact)
                copies_told += bool(exact) and exact[0].comparison.relation in (
                    sapwood.Relation.SAME_TENSORS,
                    sapwood.Relation.IDENTICAL,
                )
        false = sum(bool(find(database, one)) for one in strangers)
    return {
        "models": count,
        "queries": len(queries),
        "parent found first": len(queries) - misses.total(),
        "misses by change": {name: f"{misses[name]} of {asked[name]}" for name in sorted(asked)},
        "queries that were told of another family": wrong_family,
        "measured queries": len(ratios),
        "best base found first": best_hits,
        "within 1 % of the best patch": sum(ratio <= 1.01 for ratio in ratios),
        "patch against the best": _spread(ratios),
        "strangers asked": len(strangers),
        "strangers taken for kin": false,
        "copies asked with digests": copies,
        "copies told to be the same tensors": copies_told,
        "query, ms": _spread([1000 * t for t in times]),
        "query, CPU ms": _spread([1000 * t for t in cpu]),
        "first query, ms": 1000 * times[0],
    }


def _real(pairs: Path, place: Path) -> dict[str, Any]:
    """Each real checkpoint against all the others."""
    paths = sorted(path for path in pairs.rglob("*.safetensors") if path.parent.name != "lora")
    prints = {str(path): sapwood.fingerprint(path, exact=False) for path in paths}
    with sapwood.FingerprintDatabase(place, create=True) as database:
        database.add(list(prints.items()))
    rows = []
    with sapwood.FingerprintDatabase(place) as database:
        for name, one in prints.items():
            sizes = {other: sapwood.diff(other, name, level="fast").size for other in prints if other != name}
            found = [match for match in database.find(one) if match.path != name]
            best = min(sizes, key=sizes.__getitem__)
            size = Path(name).stat().st_size
            rows.append(
                {
                    "target": str(Path(name).relative_to(pairs)),
                    "found": str(Path(found[0].path).relative_to(pairs)),
                    "expected": found[0].comparison.patch_share,
                    "patch": sizes[found[0].path] / size,
                    "best": str(Path(best).relative_to(pairs)),
                    "best patch": sizes[best] / size,
                }
            )
            print(rows[-1], file=sys.stderr, flush=True)
    return {"real": rows, "best base found first": sum(row["found"] == row["best"] for row in rows)}


def _spread(values: list[float]) -> dict[str, float]:
    if not values:
        return {}
    return {"median": statistics.median(values), "mean": statistics.mean(values), "max": max(values)}


if __name__ == "__main__":
    sys.exit(main())
