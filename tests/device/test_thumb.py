"""The engine as built for a Cortex-M3, in Unicorn: power cuts at operations on flash, and instructions."""

from pathlib import Path

import pytest

from tests.device.patches import Pair, make_pair, need_arm_compiler

pytest.importorskip("unicorn", reason="the test extra is not installed")

from unicorn.arm_const import UC_ARM_REG_R0

from tests.device.thumb import link_size, size
from tests.device.thumb.instructions import instructions
from tests.device.thumb.machine import STACK, Layout, Symbols, build
from tests.device.thumb.sweep import IN_PLACE, SLOTS, a_device, sweep, what_fails

LAYOUTS = pytest.mark.parametrize("layout", [SLOTS, IN_PLACE], ids=["slots", "in place"])
TORN = pytest.mark.parametrize("torn", [False, True], ids=["clean", "torn"])


@pytest.fixture(scope="module")
def symbols(tmp_path_factory: pytest.TempPathFactory) -> Symbols:
    need_arm_compiler()
    return build(tmp_path_factory.mktemp("thumb"))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return make_pair("my_cnn_lastlayer", tmp_path_factory.mktemp("pair"))


@LAYOUTS
@TORN
def test_some_power_cuts(symbols: Symbols, pair: Pair, layout: Layout, torn: bool) -> None:
    found = sweep(symbols, layout, pair, step=29, torn=torn)
    assert found.failures == []
    assert found.points > 20


@pytest.mark.slow
@LAYOUTS
@TORN
def test_all_power_cuts(symbols: Symbols, pair: Pair, layout: Layout, torn: bool) -> None:
    found = sweep(symbols, layout, pair, step=1, torn=torn)
    assert found.failures == []
    assert found.points > 600


def test_the_sweep_can_fail(symbols: Symbols, pair: Pair) -> None:
    models = pair.base.read_bytes(), pair.target.read_bytes()
    device = a_device(symbols, SLOTS, pair)
    flash = bytearray(device.flash)
    flash[SLOTS.models_size :] = b"\xff" * SLOTS.journal_size
    device.restart(flash, device.programmed)
    assert what_fails(device, models, in_place=False) == "no model to boot"


def test_what_flash_would_not_do_is_told(symbols: Symbols, pair: Pair) -> None:
    device = a_device(symbols, SLOTS, pair)
    for register, value in ((1, 0), (2, STACK), (3, SLOTS.unit)):
        device.uc.reg_write(UC_ARM_REG_R0 + register, value)
    assert device.call("hook_program") == 0
    assert device.fault == "a program of a unit that was not erased"


def test_a_model_that_is_damaged_is_no_base(symbols: Symbols, pair: Pair) -> None:
    device = a_device(symbols, SLOTS, pair)
    flash = bytearray(device.flash)
    flash[1000] ^= 1
    device.restart(flash, device.programmed)
    assert device.call("run_update") == -7
    assert device.operations == []


def test_instructions_for_a_byte(symbols: Symbols, tmp_path: Path) -> None:
    assert 20 < instructions(symbols, "my_cnn_ft_lr1e-5x1", tmp_path) < 150


def test_code_and_memory(tmp_path: Path) -> None:
    need_arm_compiler()
    code = [size.code("m3", options, tmp_path).total() for options in size.BUILDS]
    assert 2000 < code[2] < code[1] < code[0] < 6500
    update, _ = size.sizes(tmp_path)
    for state, most in ((512, 1536), (2048, 3072)):
        assert state + update + size.stack(tmp_path, Layout(state=state)) < most


def test_code_and_memory_of_the_link(tmp_path: Path) -> None:
    need_arm_compiler()
    assert 3000 < sum(link_size.code("m3", size.FLAGS, tmp_path).values()) < 4500
    assert 0 < link_size.stack(size.FLAGS, tmp_path) < 300
    assert {(mtu, room): size for mtu, room, size in link_size.memory(tmp_path)}[256, 256] <= 1024
