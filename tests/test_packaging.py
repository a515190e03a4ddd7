"""The installed package is the tree: nothing forgotten, nothing extra, nothing heavy imported."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = PROJECT["tool"]["setuptools"]["packages"]

#: Folders that are not part of the package. What starts with a dot is not either.
OUTSIDE = {"benchmarks", "build", "dist", "docs", "examples", "mixad.egg-info", "site", "tests"}

#: What importing mixad must not import: optional backends, other people's arrays, tools of the tests.
UNWANTED = {"autograd", "cuda", "cupy", "hypothesis", "jax", "matplotlib", "pytest", "scipy", "torch", "triton"}


def sources() -> list[Path]:
    """The package's Python files, relative to the root."""
    found = []
    for folder, folders, files in os.walk(ROOT):
        here = Path(folder).relative_to(ROOT)
        folders[:] = [name for name in folders if name[0] != "." and name != "__pycache__"]
        if here == Path():
            folders[:] = [name for name in folders if name not in OUTSIDE and not (ROOT / name / "pyvenv.cfg").exists()]
        found += [here / name for name in files if name.endswith(".py")]
    return sorted(found)


def assets() -> list[Path]:
    """The package's other files: those that ``package-data`` names."""
    named = PROJECT["tool"]["setuptools"]["package-data"]
    folders = {package: ROOT.joinpath(*package.split(".")[1:]) for package in named}
    found = [path for package, globs in named.items() for each in globs for path in folders[package].glob(each)]
    return sorted(path.relative_to(ROOT) for path in found)


def test_every_package_is_listed() -> None:
    """A folder that is missing from the list works in a checkout and is absent from a wheel."""
    tree = {".".join(["mixad", *path.parent.parts]) for path in sources()}
    assert tree == set(PACKAGES), "bring [tool.setuptools] packages in pyproject.toml in line with the tree"


def test_every_package_has_an_init() -> None:
    """setuptools would not mind a folder without one; mypy and import-linter would pass over it."""
    files = set(sources())
    assert [path for path in files if path.parent / "__init__.py" not in files] == []


def test_installed_version_is_the_projects() -> None:
    assert importlib.metadata.version("mixad") == PROJECT["project"]["version"]


@pytest.mark.parametrize("package", PACKAGES)
def test_public_names_resolve(package: str) -> None:
    module = importlib.import_module(package)
    names = getattr(module, "__all__", [])
    assert [name for name in names if not hasattr(module, name)] == []
    assert len(names) == len(set(names))


def test_mixad_has_public_names() -> None:
    assert importlib.import_module("mixad").__all__


def test_import_is_light() -> None:
    code = "import sys, mixad; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "mixad" in loaded
    assert loaded & UNWANTED == set()


@pytest.mark.slow
def test_wheel_holds_the_package_and_nothing_else(tmp_path: Path) -> None:
    """Built from a copy, since setuptools leaves its build folder in the tree, and imported from elsewhere."""
    copy = tmp_path / "source"
    for path in [*sources(), *assets(), *map(Path, ["pyproject.toml", "README.md", "LICENSE", "tests/conftest.py"])]:
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, copy / path)
    build = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps"]
    subprocess.run([*build, "--no-build-isolation", "--wheel-dir", tmp_path, copy], check=True, capture_output=True)

    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
        archive.extractall(tmp_path / "installed")
    assert sorted(names) == sorted(f"mixad/{path.as_posix()}" for path in [*sources(), *assets()])

    code = f"import importlib\nfor name in {PACKAGES}: print(importlib.import_module(name).__file__)"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}
    run = [sys.executable, "-c", code]
    done = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    files = [Path(line) for line in done.stdout.splitlines()]
    assert files == [tmp_path.joinpath("installed", *name.split("."), "__init__.py") for name in PACKAGES]
