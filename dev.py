"""The one door for new users and developers: make the environment, start the program, run every check.

    python3 dev.py run [ARGS]     install what requirements/run.txt locks into .venv, start the program with ARGS
                                  (before that, once: our kernels for this processor, where there is a C compiler)
    python3 dev.py test [ARGS]    the same with requirements/dev.txt, then every check, the tests one process a core;
                                  ARGS go to pytest, and then it is one process
    python3 dev.py test --fast [ARGS]         all but the tests marked slow: under three minutes on two cores
    python3 dev.py test --full [ARGS]         all of what the suite takes a part of: more kills, cases, layers (hours)
    python3 dev.py test --installers [ARGS]   also build, install, test and remove the installers (.ci/tools)
    python3 dev.py lock [--keep]  resolve pyproject.toml anew (--keep: no newer versions) and write requirements/*.txt

Standard library only, Windows and Linux. What `.venv` holds is written in `.venv/dewpoint.json`: the set ("run" or
"dev"), the hash of its lock, and whether the installation came to its end. Every command may be interrupted at any
moment and run again. A "dev" environment also serves `run` and is never made smaller; `run` never installs torch. pip
installs nothing but wheels whose hashes stand in a lock, and asks for no package that a lock does not name.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
MARKER = VENV / "dewpoint.json"
LOCKS = {"run": ROOT / "requirements" / "run.txt", "dev": ROOT / "requirements" / "dev.txt"}
OTHER_BUILDS, TORCH_CUDA = (ROOT / "requirements" / name for name in ("other-builds.txt", "torch-cuda.txt"))
DISK_BYTES = {"run": 1_500_000_000, "dev": 4_000_000_000}
WORKER_BYTES = 4_000_000_000  # of memory that one process of tests may come to need
CUDA_BYTES = 8_000_000_000  # of what the package index's torch for Linux needs besides
PYTHON_FROM, PYTHON_BELOW = (3, 11), (3, 14)
# Debian's package, and the file in it that the loader looks for.
QT_PAIRS = """
    libglib2.0-0=libglib-2.0.so.0 libgl1=libGL.so.1 libegl1=libEGL.so.1 libxkbcommon0=libxkbcommon.so.0
    libxkbcommon-x11-0=libxkbcommon-x11.so.0 libfreetype6=libfreetype.so.6 libfontconfig1=libfontconfig.so.1
    libdbus-1-3=libdbus-1.so.3 libxcb-cursor0=libxcb-cursor.so.0 libxcb-icccm4=libxcb-icccm.so.4
    libxcb-keysyms1=libxcb-keysyms.so.1 libxcb-shape0=libxcb-shape.so.0
"""
QT_LIBRARIES = dict(pair.split("=") for pair in QT_PAIRS.split())
NO_HASH = re.compile(r"DO NOT MATCH THE HASHES|none of the hashes|Hashes are required", re.IGNORECASE)
NO_DISK = re.compile(r"No space left on device|\[Errno 28\]|not enough space on the disk")
NO_NETWORK = re.compile(r"NewConnectionError|NameResolutionError|Connect(ion)?TimeoutError|ReadTimeoutError|ProxyError")
# Prints the packages that an interrupted pip left half unpacked, one "name==version" a line.
DAMAGED = """
import csv, importlib.metadata
for dist in importlib.metadata.distributions():
    rows = list(csv.reader((dist.read_text("RECORD") or "").splitlines()))
    files = [(dist.locate_file(name), int(size)) for name, _, size in rows if size]
    if dist.metadata and (not rows or any(not file.is_file() or file.stat().st_size != size for file, size in files)):
        print(f"{dist.metadata['Name']}=={dist.version}")
"""


# Prints what the installed torch needs and is not there: NVIDIA's packages, if it is the build of the package index.
TORCH_LACKS = """
import importlib.metadata
from packaging.requirements import Requirement
there = {dist.name.lower().replace("_", "-") for dist in importlib.metadata.distributions()}
for need in map(Requirement, importlib.metadata.requires("torch") or []):
    if (need.marker is None or need.marker.evaluate({"extra": ""})) and need.name.lower() not in there:
        print(need.name)
"""


class SetupError(Exception):
    """Something is missing or failed; the text is one clear sentence for the user."""


def say(text: str) -> None:
    """Print a line at once, also where the output is a file."""
    print(text, flush=True)


def check_python(version: tuple[int, ...]) -> None:
    """Refuse a Python that the locked packages do not support."""
    if not PYTHON_FROM <= version[:2] < PYTHON_BELOW:
        found = ".".join(map(str, version[:2]))
        raise SetupError(f"Dewpoint needs Python 3.11, 3.12 or 3.13, but this is Python {found}.")


def check_venv_module() -> None:
    """Refuse a Python that cannot make virtual environments (Debian splits that off)."""
    remedy = "install Python from python.org, with pip" if os.name == "nt" else "run: sudo apt install python3-venv"
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        raise SetupError(
            f"This Python cannot make virtual environments (its venv or ensurepip module is missing); {remedy}"
        )


def check_disk(kind: str) -> None:
    """Refuse to begin an installation that would fill the disk; what .venv already holds counts."""
    there = sum(f.lstat().st_size for f in VENV.rglob("*") if f.is_file()) if VENV.exists() else 0
    need, free = max(DISK_BYTES[kind] - there, 0), shutil.disk_usage(ROOT).free
    if free < need:
        raise SetupError(f"Installing needs {need / 1e9:.1f} GB in {ROOT}, but only {free / 1e9:.1f} GB are free.")


def venv_program(name: str) -> Path:
    """Path of a program inside .venv."""
    return VENV / "Scripts" / f"{name}.exe" if os.name == "nt" else VENV / "bin" / name


def lock_hash(kind: str) -> str:
    """Hash of the lock that `kind` is installed from, whatever its line ends."""
    return hashlib.sha256(LOCKS[kind].read_bytes().replace(b"\r\n", b"\n")).hexdigest()


def read_marker() -> dict[str, str]:
    """What .venv holds, or {} if that is not known."""
    try:
        return dict(json.loads(MARKER.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def write_marker(kind: str, state: str) -> None:
    """Write the marker whole or not at all."""
    temporary = MARKER.with_suffix(".tmp")
    temporary.write_text(json.dumps({"set": kind, "lock": lock_hash(kind), "state": state}), "utf-8")
    os.replace(temporary, MARKER)


def wanted_set(command: str, marker: dict[str, str]) -> str:
    """The set to install: never less than what .venv already has."""
    return "dev" if command == "test" or marker.get("set") == "dev" else "run"


def venv_works() -> bool:
    """Whether .venv has a Python of ours that starts and has pip."""
    code = f"import sys, pip; sys.exit(not {PYTHON_FROM} <= sys.version_info[:2] < {PYTHON_BELOW})"
    try:
        command = [str(venv_program("python")), "-c", code]
        return not subprocess.run(command, check=False, capture_output=True).returncode
    except OSError:
        return False


def prepare(command: str) -> None:
    """Bring .venv to what the lock says, going on where an earlier run was interrupted."""
    marker = read_marker()
    kind = wanted_set(command, marker)
    if marker == {"set": kind, "lock": lock_hash(kind), "state": "done"} and venv_program("python").exists():
        return
    check_disk(kind)
    if marker.get("state") == "installing":
        say("The last installation was interrupted; going on with it.")
    if not venv_works():
        check_venv_module()
        say(f"Making a virtual environment in {VENV} ...")
        command_line = [sys.executable, "-m", "venv", "--clear", str(VENV)]
        made = subprocess.run(command_line, check=False, capture_output=True, text=True)
        if made.returncode:
            raise failure("Python could not make a virtual environment", (made.stdout + made.stderr).splitlines())
        marker = {}
    write_marker(kind, "installing")
    if marker.get("state") == "installing":
        found = subprocess.run([str(venv_program("python")), "-c", DAMAGED], capture_output=True, text=True, check=True)
        if damaged := locked(LOCKS[kind], found.stdout.split()):
            again = VENV / "damaged.txt"
            again.write_text("\n".join(damaged), "utf-8")
            pip_install(["--force-reinstall", "-r", str(again)], len(damaged))
    if kind == "dev":
        install_from_disk()
    install_lock(LOCKS[kind])
    if kind == "dev":
        install_cuda()
    write_marker(kind, "done")


def locked(lock: Path, names: list[str] | None = None) -> list[str]:
    """The entries of a lock, each with its hashes: all, or those of the packages "name==version" in `names`."""
    entries = re.findall(r"^[a-z0-9].*(?:\n +--hash.*)*", lock.read_text("utf-8"), flags=re.MULTILINE)
    if names is None:
        return entries
    wanted = {re.sub("[-_.]+", "-", name.partition("==")[0]).lower() for name in names}
    return [entry for entry in entries if entry.partition("==")[0] in wanted]


def install_lock(lock: Path) -> None:
    """Install all that a lock names."""
    total = len(locked(lock))
    say(f"Installing {total} packages from requirements/{lock.name} ...")
    pip_install(["-r", str(lock)], total)


def install_from_disk() -> None:
    """Install a known build that this machine has on its disk; where it has none, the package index has another."""
    command = [*pip_command(), "--quiet", "--no-index", "-r", str(OTHER_BUILDS)]
    if not subprocess.run(command, check=False, capture_output=True).returncode:
        say("Installed the build of PyTorch that this machine has on its disk.")


def torch_lacks() -> list[str]:
    """What the installed torch needs and is not there."""
    command = [str(venv_program("python")), "-c", TORCH_LACKS]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def install_cuda() -> None:
    """Install what torch needs where pip had to take a build that cannot do without it."""
    if not torch_lacks():
        return
    if (free := shutil.disk_usage(ROOT).free) < CUDA_BYTES:
        raise SetupError(
            f"PyTorch with CUDA needs {CUDA_BYTES / 1e9:.1f} GB more, but only {free / 1e9:.1f} GB are free in {ROOT}."
        )
    install_lock(TORCH_CUDA)


def pip_command() -> list[str]:
    """The command that installs what has the right hash, and nothing else."""
    command = [str(venv_program("python")), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    return [*command, "--require-hashes", "--no-deps", "--only-binary", ":all:"]


def pip_install(arguments: list[str], total: int) -> None:
    """Run pip, one line a package."""
    command = [*pip_command(), "--progress-bar", "off", "--no-warn-script-location", *arguments]
    lines: list[str] = []
    count, start = 0, time.monotonic()
    env = {**os.environ, "PYTHONUTF8": "1"}
    piped: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "env": env}
    with subprocess.Popen(command, encoding="utf-8", errors="replace", **piped) as pip:
        for line in pip.stdout or ():
            lines.append(line.rstrip())
            if match := re.match(r"(?:Collecting|Processing|Requirement already satisfied:) (\S+)", line):
                count += 1
                say(f"  [{min(count, total)}/{total}] {match[1].rpartition('/')[2]}")
            elif match := re.search(r"Downloading \S+ \((\d\d+\.\d+ MB)\)", line):
                say(f"          downloading {match[1]}")
            elif line.startswith("Installing collected packages"):
                say(f"  unpacking {line.count(',') + 1} packages (up to some minutes) ...")
    if pip.returncode:
        raise failure("pip could not install the packages", lines)
    say(f"  installed in {time.monotonic() - start:.0f} s")


def build_kernels() -> None:
    """Build our kernels for this processor, once, where a compiler is at hand; the program runs without them, too."""
    # Not before: older Pythons cannot read it.
    from inference.native.build import is_x86, worth_trying

    if is_x86() and worth_trying():
        subprocess.run([str(venv_program("python")), "-m", "inference.native", "--once"], check=False, cwd=ROOT)


def failure(what: str, lines: list[str]) -> SetupError:
    """The sentence for a failed installation step, from what it printed."""
    output = "\n".join(lines)
    if NO_DISK.search(output):
        return SetupError("The disk is full: free some space, then run the same command again.")
    if NO_HASH.search(output):
        what = "A package that came is not the one that the lock names, so nothing was installed"
    elif NO_NETWORK.search(output):
        return SetupError("The package server cannot be reached: check the network, then run the same command again.")
    return SetupError("\n".join([*lines[-15:], f"{what}; its last lines stand above."]))


def loads(soname: str) -> bool:
    """Whether the system's loader finds a library."""
    try:
        return bool(ctypes.CDLL(soname))
    except OSError:
        return False


def missing_libraries() -> list[str]:
    """Debian names of the system libraries that Qt needs and the loader does not find."""
    return [package for package, soname in QT_LIBRARIES.items() if not loads(soname)]


def check_libraries() -> None:
    """Install Qt's system libraries where we may; otherwise say the one command that does."""
    missing = missing_libraries() if sys.platform == "linux" else []
    if not missing:
        return
    apt = shutil.which("apt-get")
    install = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    if apt and os.geteuid() == 0:
        say(f"Installing system libraries that Qt needs: {' '.join(missing)} ...")
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for step in (["apt-get", "update"], install):
            subprocess.run(step, check=False, env=env, stdout=subprocess.DEVNULL)
        if not (missing := missing_libraries()):
            return
        raise SetupError(f"apt-get could not install what Qt needs; see what it says to: {' '.join(install)}")
    names = [QT_LIBRARIES[package] for package in missing]
    remedy = "run: sudo " + " ".join(install) if apt else "install the packages that hold them"
    raise SetupError(f"Qt needs system libraries that are missing here ({', '.join(names)}); {remedy}")


def run_environment(arguments: list[str]) -> dict[str, str]:
    """Environment of the program; says so where a window is asked for but there is no screen."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    screen = sys.platform != "linux" or any(env.get(n) for n in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))
    if not screen and "--smoke" in arguments:
        env["QT_QPA_PLATFORM"] = "offscreen"
    elif not screen and not {"-h", "--help", "--version"} & set(arguments) and all(a[:1] == "-" for a in arguments[:1]):
        raise SetupError("There is no screen here (neither DISPLAY nor WAYLAND_DISPLAY is set), so no window can open.")
    return env


def run(arguments: list[str]) -> int:
    """Start the program in .venv; its exit code is ours."""
    env = run_environment(arguments)
    check_libraries()
    prepare("run")
    build_kernels()
    command = [str(venv_program("python")), "-P", "-m", "app", *arguments]
    if os.name != "nt":
        sys.stdout.flush()
        os.execve(command[0], command, env)
    return subprocess.call(command, env=env)


def run_check(name: str, command: list[str], env: dict[str, str]) -> tuple[str, bool, float]:
    """Run one check; its name, whether it passed, seconds."""
    start = time.monotonic()
    say(f"\n=== {name} ===")
    done = subprocess.run(command, check=False, cwd=ROOT, env=env)
    return name, done.returncode == 0, time.monotonic() - start


def worker_count() -> int:
    """Test processes that run beside each other: one a core, as far as the memory reaches."""
    cores = os.cpu_count() or 1
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError):  # Windows has no sysconf
        return max(1, cores // 2)
    return max(1, min(cores, memory // WORKER_BYTES))


def pytest_command(python: str, rest: list[str], fast: bool) -> list[str]:
    """The tests; those that `rest` picks run in one process, where a debugger and a print are seen."""
    workers = [] if rest else ["-n", str(worker_count()), "--dist", "worksteal"]
    return [python, "-m", "pytest", *workers, *(["-m", "not slow"] if fast else []), *rest]


def test(arguments: list[str]) -> int:
    """Run every check, also after one has failed, and sum up."""
    check_libraries()
    prepare("test")
    build_kernels()
    python = str(venv_program("python"))
    rest = [argument for argument in arguments if argument not in ("--fast", "--full", "--installers")]
    checks = {
        "ruff check": [python, "-m", "ruff", "check"],
        "ruff format": [python, "-m", "ruff", "format", "--check"],
        "mypy": [python, "-m", "mypy"],
        "import-linter": [str(venv_program("lint-imports"))],
        "pytest": pytest_command(python, rest, "--fast" in arguments),
    }
    if "--installers" in arguments:
        checks["installers"] = [python, "-m", "pytest", "installers/tests", *rest]
    with tempfile.TemporaryDirectory(prefix="dewpoint-test-", ignore_cleanup_errors=True) as home:
        env = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "DEWPOINT_HOME": home, "PYTHONUTF8": "1"}
        if "--full" in arguments:
            env["DEWPOINT_TEST_FULL"] = "1"
        results = [run_check(name, checks[name], env) for name in checks]
    say("\n=== Summary ===")
    for name, passed, seconds in results:
        say(f"{name:<14} {'passed' if passed else 'FAILED':<7} {seconds:7.1f} s")
    return 0 if all(result[1] for result in results) else 1


def lock(arguments: list[str]) -> int:
    """Write requirements/*.txt anew."""
    return subprocess.call([sys.executable, str(ROOT / "requirements" / "lock.py"), *arguments])


def main(arguments: list[str]) -> int:
    """Run one command and return the exit code."""
    commands = {"run": run, "test": test, "lock": lock}
    if not arguments or arguments[0] not in commands:
        say(__doc__ or "")
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    try:
        check_python(sys.version_info[:2])
        return commands[arguments[0]](arguments[1:])
    except SetupError as problem:
        say(str(problem))
    except subprocess.CalledProcessError as error:
        say(f"This step failed with exit code {error.returncode}: {' '.join(map(str, error.cmd))}")
    except KeyboardInterrupt:
        say("\nStopped. The same command goes on where it was.")
        return 130
    return 1


if __name__ == "__main__":
    try:
        status = main(sys.argv[1:])
    except OSError as error:
        if not isinstance(error, BrokenPipeError):  # else the reader (head, for one) has seen enough
            sys.stderr.write(f"This step failed: {error}\n")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        status = 141 if isinstance(error, BrokenPipeError) else 1
    sys.exit(status)
