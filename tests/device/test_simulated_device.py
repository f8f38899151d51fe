"""Updates on a simulated device: real pairs, power cuts, and what a device refuses."""

import dataclasses
import itertools
from pathlib import Path

import pytest

import sapwood
from sapwood import errors
from sapwood.device.simulator import Cut, SimulatedDevice

TFLITE = Path(__file__).resolve().parents[2] / "bench" / "corpus" / "tflite"
PAIRS = ("my_cnn_ft_lr1e-5x1", "my_cnn_lastlayer", "my_cnn_retrain", "my_mlp_ft_lr1e-5x1", "f32_mlp_lr1e-5x1")
PARTS = {
    "slots": sapwood.Part(sector=2048, unit=4),
    "slots, large unit": sapwood.Part(sector=4096, unit=16, checkpoint=1),
    "in place": sapwood.Part(sector=1024, unit=8, in_place=True, checkpoint=3),
}


def pair(name: str) -> tuple[bytes, bytes]:
    return (TFLITE / f"{name}.old.tflite").read_bytes(), (TFLITE / f"{name}.new.tflite").read_bytes()


def device_patch(name: str, state: int = 2048, **options: object) -> bytes:
    base, target = pair(name)
    return sapwood.diff(base, target, profile="device", state=state, **options).to_bytes()  # type: ignore[arg-type]


def part_with_room(part: sapwood.Part, name: str, patch: bytes) -> sapwood.Part:
    base, target = pair(name)
    profile = sapwood.open_patch(patch).manifest.profile
    assert profile is not None
    return part.with_room(len(base), len(target), profile.behind)


@pytest.mark.parametrize("state", [512, 2048])
@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
@pytest.mark.parametrize("name", PAIRS)
def test_a_device_gets_the_target_and_survives_cuts(name: str, part: sapwood.Part, state: int) -> None:
    base, target = pair(name)
    patch = device_patch(name, state)
    large = len(target) > 100_000
    found = sapwood.device_simulate(
        base,
        patch,
        part=dataclasses.replace(part, state=state),
        every=701 if large else 211,
        kinds=(Cut.TORN,),
        more=1,
    )
    assert found.failures == ()
    assert found.points >= 3
    assert found.operations > len(target) // 64


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
@pytest.mark.parametrize("name", [name for name in PAIRS if name != "f32_mlp_lr1e-5x1"])
def test_no_cut_at_any_operation_costs_the_model(name: str, part: sapwood.Part) -> None:
    base, _ = pair(name)
    found = sapwood.device_simulate(base, device_patch(name), part=part)
    assert found.failures == ()
    assert found.points == 3 * found.operations


@pytest.mark.parametrize("in_place", [False, True])
def test_a_row_of_updates_leaves_the_last_model(in_place: bool) -> None:
    old, new = pair("my_cnn_ft_lr1e-5x1")
    other = pair("my_cnn_retrain")[1]
    versions = [old, new, other, old, other, new]
    patches = [
        sapwood.diff(a, b, profile="device", version_counter=i).to_bytes()
        for i, (a, b) in enumerate(itertools.pairwise(versions))
    ]
    largest = max(map(len, versions))
    behind = max(sapwood.open_patch(p).manifest.profile.behind for p in patches)  # type: ignore[union-attr]
    part = sapwood.Part(sector=1024, in_place=in_place, checkpoint=2).with_room(largest, largest, behind)
    device = SimulatedDevice(part, old)
    for i, (patch, target) in enumerate(zip(patches, versions[1:], strict=True)):
        device.update(patch)
        model = device.boot()
        assert device.image[model.address : model.address + model.size] == target
        assert model.counter == i
        before = device.operations, device.programmed
        device.update(patch)
        assert device.programmed == before[1], "a finished update writes nothing"


def test_programs_about_the_model_in_slots_and_in_place() -> None:
    for name in PAIRS:
        base, target = pair(name)
        slots = sapwood.device_plan(base, device_patch(name), part=sapwood.Part(state=2048))
        assert slots.programmed < 1.5 * len(target)
        place = sapwood.device_plan(base, device_patch(name), part=sapwood.Part(in_place=True))
        assert place.programmed < 2 * len(target)


def test_what_a_device_refuses_has_the_errors_of_the_family(tmp_path: Path) -> None:
    name = "my_cnn_lastlayer"
    base, target = pair(name)
    private = tmp_path / "key.pem"
    public = sapwood.generate_key(private)
    guarded = device_patch(name, guardrails={"arena_bytes": 5000}, version_counter=7)
    signed = device_patch(name, key=private)
    part = part_with_room(sapwood.Part(), name, guarded)

    with pytest.raises(errors.GuardrailRefused):
        SimulatedDevice(part, base, facts={"arena_bytes": 4999}).update(guarded)
    with pytest.raises(errors.RollbackRefused):
        SimulatedDevice(part, base, counter=8, facts={"arena_bytes": 5000}).update(guarded)
    with pytest.raises(errors.WrongBase):
        SimulatedDevice(part, target[:-1]).update(device_patch(name))
    with pytest.raises(errors.BadSignature):
        SimulatedDevice(part, base, key=public).update(device_patch(name))
    with pytest.raises(errors.BadSignature):
        other = sapwood.generate_key(tmp_path / "other.pem")
        SimulatedDevice(part, base, key=other).update(signed)
    with pytest.raises(errors.LimitExceeded):
        small = dataclasses.replace(part, state=512)
        SimulatedDevice(small, base).update(device_patch(name, 2048))
    with pytest.raises(errors.UnsupportedPatch):
        SimulatedDevice(part, base).update(sapwood.diff(base, target).to_bytes())
    with pytest.raises(errors.CorruptPatch):
        SimulatedDevice(part, base).update(signed[:-1])
    with pytest.raises(errors.BadData):
        SimulatedDevice(part, b"").boot()

    for accepted, device in (
        (signed, SimulatedDevice(part, base, key=public)),
        (guarded, SimulatedDevice(part, base, counter=7, facts={"arena_bytes": 5000})),
        (sapwood.diff(None, target, profile="device").to_bytes(), SimulatedDevice(part, b"")),
    ):
        device.update(accepted)
        model = device.boot()
        assert device.image[model.address : model.address + model.size] == target


@pytest.mark.parametrize(
    "wrong",
    [
        {"sector": 100},
        {"unit": 3},
        {"state": 1024},
        {"checkpoint": 0},
        {"models_size": 4096},
        {"journal_size": 4096},
        {"sector": 1 << 32},
    ],
)
def test_a_part_that_cannot_be_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(errors.WrongCall):
        sapwood.Part(**wrong)  # type: ignore[arg-type]


def test_a_model_that_does_not_fit_is_refused() -> None:
    with pytest.raises(errors.LimitExceeded):
        sapwood.device_image(bytes(9000), part=sapwood.Part(models_size=16384))
