"""Prove requirements/run.txt: it installs from wheels alone, by hash, and what it installs works.

1. On each Python present (3.11, 3.12, 3.13): a new environment, `pip install --require-hashes
   --only-binary :all:`, `pip check`, every library imported, the TFLite interpreter beside its numpy.
2. For Windows x64, per Python: every pin that applies there has a wheel with a locked hash. pip evaluates
   markers for the machine it runs on, so they are evaluated here for Windows and stripped.

Needs nothing but Python and pip. Prints one line a proof; the exit code is 1 when one failed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pip._vendor.packaging.markers import Marker

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements" / "run.txt"
SUPPORTED = ("3.11", "3.12", "3.13")
PIP = ("-m", "pip", "--disable-pip-version-check", "--quiet", "--no-input")

IMPORTS = """
import sys, numpy, polars, duckdb, pymodbus, serial, asyncua, cryptography, flatbuffers, tflite, typer, rich, pydantic
import openpyxl
try:
    from tflite_runtime.interpreter import Interpreter
    runtime = "tflite-runtime"
except ModuleNotFoundError:
    from ai_edge_litert.interpreter import Interpreter
    runtime = "ai-edge-litert"
try:
    Interpreter(model_content=b"not a model")   # a wrong pair of runtime and numpy dies here instead of raising
except ValueError:
    pass
assert float(polars.Series(numpy.arange(4)).sum()) == 6.0
assert duckdb.connect().execute("select 6").fetchall() == [(6,)]
print(f"{runtime} with numpy {numpy.__version__}")
"""


def run(words: list[str | Path]) -> subprocess.CompletedProcess[str]:
    """Run a command and keep what it says."""
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)


def interpreters() -> dict[str, str]:
    """Supported Python versions that are present, with a path each: the PATH first, then version managers."""
    places = [os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv"))]
    found: dict[str, str] = {}
    for version in SUPPORTED:
        names = [sys.executable, shutil.which(f"python{version}") or ""]
        for place in places:
            names += [str(path) for path in sorted(Path(place).glob(f"versions/{version}*/bin/python{version}"))]
        for name in filter(None, names):
            said = run([name, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"])
            if said.returncode == 0 and said.stdout.strip() == version:
                found.setdefault(version, name)
    return found


def install(version: str, python: str, folder: Path) -> str | None:
    """Install the lock for one interpreter and use it; None, or what went wrong."""
    venv = folder / f"venv-{version}"
    inside = venv / ("Scripts" if os.name == "nt" else "bin") / "python"
    steps: list[tuple[str, list[str | Path]]] = [
        ("venv", [python, "-m", "venv", venv]),
        ("install", [inside, *PIP, "install", "--require-hashes", "--only-binary", ":all:", "-r", LOCK]),
        ("pip check", [inside, *PIP, "check"]),
        ("import", [inside, "-W", "ignore", "-c", IMPORTS]),
    ]
    for name, words in steps:
        done = run(words)
        if done.returncode:
            return f"{name} failed ({done.returncode}): {(done.stderr or done.stdout).strip()[-2000:]}"
    print(f"ok    Python {version} here: {done.stdout.strip()}", flush=True)
    shutil.rmtree(venv)
    return None


def requirements_for_windows(version: str) -> str:
    """The lines of the lock that apply to Windows x64 and a Python version, without markers."""
    environment = {
        "implementation_name": "cpython",
        "implementation_version": f"{version}.0",
        "os_name": "nt",
        "platform_machine": "AMD64",
        "platform_python_implementation": "CPython",
        "platform_release": "10",
        "platform_system": "Windows",
        "platform_version": "10.0",
        "python_full_version": f"{version}.0",
        "python_version": version,
        "sys_platform": "win32",
    }
    kept = []
    for block in re.split(r"\n(?=\S)", LOCK.read_text(encoding="utf-8")):
        head, _, hashes = block.partition("\\\n")
        pin, _, marker = head.partition(" ; ")
        if not marker or Marker(marker.strip()).evaluate(environment):
            kept.append(f"{pin.strip()} \\\n{hashes}")
    return "\n".join(kept)


def windows(version: str, python: str, folder: Path) -> str | None:
    """Every pin has a wheel for Windows x64; None, or what went wrong."""
    listed = folder / f"windows-{version}.txt"
    listed.write_text(requirements_for_windows(version), encoding="utf-8")
    digits = version.replace(".", "")
    done = run(
        [
            *(python, *PIP, "download", "--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", listed),
            *("--platform", "win_amd64", "--implementation", "cp", "--python-version", version),
            *("--abi", f"cp{digits}", "--abi", "abi3", "--abi", "none", "-d", folder / f"wheels-{version}"),
        ]
    )
    if done.returncode:
        return done.stderr.strip()[-2000:]
    wheels = list((folder / f"wheels-{version}").glob("*.whl"))
    print(f"ok    Python {version} on Windows x64: {len(wheels)} wheels resolve; nothing was run there", flush=True)
    shutil.rmtree(folder / f"wheels-{version}")
    return None


def main() -> int:
    """Run every proof."""
    start = time.monotonic()
    problems = 0
    if re.search(r"https?://|--(extra-)?index-url|--find-links", LOCK.read_text(encoding="utf-8")):
        print(f"FAIL  {LOCK.name} holds the address of an index")
        problems += 1
    present = interpreters()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for version in SUPPORTED:
            problem = install(version, present[version], folder) if version in present else None
            if version not in present:
                print(f"skip  Python {version} is not on this machine")
            elif problem:
                print(f"FAIL  Python {version} here: {problem}")
                problems += 1
        for version in SUPPORTED:
            problem = windows(version, sys.executable, folder)
            if problem:
                print(f"FAIL  Python {version} on Windows x64: {problem}")
                problems += 1
    print(f"{problems} problems, {time.monotonic() - start:.0f} s")
    return 1 if problems or not present else 0


if __name__ == "__main__":
    sys.exit(main())
