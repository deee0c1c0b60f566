"""The hash locks say what pyproject.toml and requirements/*.txt say; without network, in a second."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from installers.lock import LOCKS, PYTHON, RECIPES, ROOT, WINE_NUMPY, lock_file

SYSTEMS = {
    "windows": {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt", "platform_machine": "AMD64"},
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": "x86_64"},
}
FULL = {"python_version": PYTHON, "python_full_version": f"{PYTHON}.9", "implementation_name": "cpython",
        "platform_python_implementation": "CPython", "implementation_version": f"{PYTHON}.9"}  # fmt: skip
AGAIN = "run `python3 installers/lock.py`"


def system_of(name: str) -> dict[str, str]:
    """The marker environment that a lock is for."""
    return FULL | SYSTEMS["linux" if name.endswith("linux") else "windows"]


def pins_of(name: str) -> dict[str, str]:
    """Package and version of each line of a lock."""
    text = lock_file(name).read_text("utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, flags=re.MULTILINE))


def required_pins(file: str, environment: dict[str, str]) -> dict[str, str]:
    """The versions of a lock in requirements/ that apply to a system."""
    lines = re.findall(r"^[a-z0-9][^\\\n]*", (ROOT / "requirements" / file).read_text("utf-8"), flags=re.MULTILINE)
    pins = [line.strip().partition(" ; ") for line in lines]
    chosen = [pin for pin, _, marker in pins if not marker or Marker(marker).evaluate(environment)]
    return dict((pin.partition("==")[0], pin.partition("==")[2]) for pin in chosen)


def project() -> dict[str, dict[str, list[str]]]:
    """The project table of pyproject.toml."""
    table: dict[str, dict[str, list[str]]] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return table


@pytest.mark.parametrize("name", RECIPES)
def test_every_line_is_a_version_with_hashes_and_no_host(name: str) -> None:
    text = lock_file(name).read_text("utf-8")
    body = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)
    assert re.fullmatch(r"([a-z0-9-]+==[\w.+]+( \\\n    --hash=sha256:[0-9a-f]{64})+\n)+", body)
    assert "://" not in text


def test_there_is_no_other_lock() -> None:
    assert {path.stem for path in LOCKS.glob("*.txt")} == set(RECIPES)


@pytest.mark.parametrize("name", ["app-windows", "app-linux", "app-wine"])
def test_programs_hold_the_versions_of_the_run_lock(name: str) -> None:
    expected = required_pins("run.txt", system_of(name))
    bundled = (LOCKS / "bundled.in").read_text("utf-8")
    expected |= dict(re.findall(r"^([a-z0-9-]+)==(\S+)", bundled, flags=re.MULTILINE))
    if name == "app-wine":
        expected["numpy"] = WINE_NUMPY
    assert pins_of(name) == expected, AGAIN


@pytest.mark.parametrize("name", ["app-windows", "app-linux", "app-wine"])
def test_programs_hold_what_pyproject_asks_for(name: str) -> None:
    pins, environment = pins_of(name), system_of(name)
    for text in project()["dependencies"]:
        requirement = Requirement(str(text))
        if requirement.marker is not None and not requirement.marker.evaluate(environment):
            continue
        package = canonicalize_name(requirement.name)
        assert package in pins, AGAIN
        if (name, package) != ("app-wine", "numpy"):
            assert requirement.specifier.contains(pins[package]), f"{package} {pins[package]}: {AGAIN}"


@pytest.mark.parametrize("name", ["app-windows", "app-linux", "app-wine"])
def test_programs_hold_no_torch(name: str) -> None:
    heavy = ("torch", "transformers", "triton", "onnxscript", "nvidia-c", "cuda", "tensorrt")
    assert not [package for package in pins_of(name) if package.startswith(heavy)]


@pytest.mark.parametrize("name", ["gpu-windows", "gpu-linux"])
def test_the_add_on_holds_what_the_gpu_extra_asks_for(name: str) -> None:
    pins, development = pins_of(name), required_pins("dev.txt", system_of(name))
    wheels = {"tensorrt-rtx": "tensorrt-rtx-cu13-libs", "cuda-python": "cuda-bindings"}
    for text in project()["optional-dependencies"]["gpu"]:
        requirement = Requirement(str(text))
        specifier: SpecifierSet = requirement.specifier
        assert specifier.contains(pins[wheels[requirement.name]]), AGAIN
    assert {package: development.get(package) for package in pins} == pins, AGAIN
