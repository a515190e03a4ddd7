"""The fastest of several kernels is found, kept, and right."""

import numpy as np
import pytest
from mixad.ir.errors import DeviceError
from mixad.runtime.compiler import compile_module
from mixad.runtime.triton import Options, backend_for, devices, tuning

from .test_kernels import module_of, normal


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """A cache of its own."""
    monkeypatch.setenv("MIXAD_CACHE_DIR", str(tmp_path / "cache"))
    tuning._file.cache_clear()
    tuning._known.clear()
    return tmp_path / "cache" / "tuning"


def test_the_fastest_tile_is_found_once_and_kept(folder, monkeypatch):
    monkeypatch.setattr(tuning, "_seconds", lambda driver, kernel, arguments: times.pop())
    x = normal(128, 128, dtype=np.float32)
    module = module_of(lambda b, x, y: b.contract(x, y, spec="ik,kj->ij"), x, x)
    plan = compile_module(module.clone(), backend_for(Options(tune=True)))["f"].run.plan
    (launch,) = plan.steps
    assert len({launch.kernel, *launch.others}) == len(launch.others) + 1 >= 4
    times = [1.0] * (len(launch.others) - 1) + [0.5, 2.0]
    run = compile_module(module.clone(), backend_for(Options(tune=True)))["f"].run
    expected = x @ x
    for _ in range(3):
        np.testing.assert_allclose(run(x, x)[0], expected, rtol=1e-4, atol=1e-4)
    assert not times
    driver = next(iter(run._sessions)).driver
    assert tuning.fastest(driver, launch, ()) == launch.others[0]
    (path,) = folder.iterdir()
    path.write_text("{")  # a broken file is as none
    tuning._known.clear()
    times = [1.0] * (len(launch.others) + 1)
    assert tuning.fastest(driver, launch, ()) == launch.kernel


def test_every_tile_computes_the_same():
    x, y = normal(150, 90, dtype=np.float32), normal(90, 140, dtype=np.float32)
    module = module_of(lambda b, x, y: b.tanh(b.contract(x, y, spec="ik,kj->ij")), x, y)
    (launch,) = compile_module(module, backend_for(Options(tune=True)))["f"].run.plan.steps
    driver = devices.device_of().driver
    at = [driver.alloc(each.nbytes) for each in (x, y)] + [driver.alloc(4 * 150 * 140)]
    driver.write(at[0], x)
    driver.write(at[1], y)
    for kernel in launch.others:
        driver.fill(at[2], 4 * 150 * 140, 0)
        driver.launch(kernel, tuple(at))
        found = np.empty((150, 140), np.float32)
        driver.read(at[2], found)
        np.testing.assert_allclose(found, np.tanh(x @ y), rtol=1e-4, atol=1e-5)


class Choosy:
    """A device that takes some kernels only, and is as fast as it is told."""

    name, processors = "choosy", 1

    def __init__(self, refused):
        self.refused, self.launched = refused, []

    def prepare(self, kernels):
        for kernel in kernels:
            if kernel in self.refused:
                raise DeviceError("the GPU reports an error: cuFuncSetAttribute failed with 1")

    def launch(self, kernel, arguments):
        assert kernel not in self.refused
        self.launched.append(kernel)

    def synchronize(self):
        pass


def test_a_tile_that_a_device_does_not_take_is_no_choice(folder):
    x = normal(128, 128, dtype=np.float32)
    module = module_of(lambda b, x, y: b.contract(x, y, spec="ik,kj->ij"), x, x)
    (launch,) = compile_module(module, backend_for(Options(tune=True)))["f"].run.plan.steps
    kernels = (launch.kernel, *launch.others)
    assert tuning.fastest(Choosy(kernels), launch, ()) == kernels[0]  # whose launch is the error
    assert not list(folder.iterdir())
    driver = Choosy(kernels[:-1])
    assert tuning.fastest(driver, launch, ()) == kernels[-1]
    assert set(driver.launched) == {kernels[-1]}
    tuning._known.clear()
    assert tuning.fastest(Choosy(()), launch, ()) == kernels[-1]  # as it was kept
    next(folder.iterdir()).unlink()
    assert tuning.fastest(Choosy(()), launch, ()) == kernels[-1]  # which is read once


def test_without_tuning_there_is_nothing_to_choose():
    x = normal(128, 128, dtype=np.float32)
    module = module_of(lambda b, x, y: b.contract(x, y, spec="ik,kj->ij"), x, x)
    (launch,) = compile_module(module, backend_for(Options()))["f"].run.plan.steps
    assert not launch.others
