"""Downloads over the loopback: our `fetch` against huggingface_hub's `snapshot_download`, same files, same server.

The server (tests/helpers/hub_server.py) and each download run in processes of their own, the downloads in turns and
into fresh folders. Ours hashes everything twice and writes it through to the disk; theirs compares the sizes. Xet is
off on their side, as our server does not speak it. The figure that counts is the ratio.

    python benchmarks/download.py [--folder DIR] [--rounds 5] [--connections 4] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
REPO = "owner/model"
LARGE, SMALL = [330_000_000, 330_000_000, 330_000_000], [40_000 + 43_000 * number for number in range(20)]


def main() -> int:
    """Measure and print; exit code 0."""
    options = _options()
    if options.side:
        print(json.dumps(_measure(options)))
        return 0
    with tempfile.TemporaryDirectory(dir=options.folder) as place:
        source = Path(place) / "source"
        total = _make_files(source)
        runs: dict[str, list[dict[str, float]]] = {"ours": [], "theirs": []}
        with subprocess.Popen(_server_command(source, Path(place)), cwd=ROOT, stdin=subprocess.PIPE) as server:
            url = _wait_for(Path(place) / "port")
            for number in range(options.rounds + 1):
                for side in ("ours", "theirs") if number % 2 else ("theirs", "ours"):
                    run = _in_process(side, url, Path(place), options)
                    if number:  # the first round warms the server's files up
                        runs[side].append(run)
            server.communicate()
    result = _summary(runs, total, options)
    print(json.dumps(result, indent=1))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=None, help="a folder on the disk to measure")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=4, help="of ours; theirs has its own default, 8")
    parser.add_argument("--json", type=Path, default=None)
    parser.add_argument("--side", choices=("ours", "theirs"), default=None, help=argparse.SUPPRESS)
    parser.add_argument("--url", default="", help=argparse.SUPPRESS)
    parser.add_argument("--target", type=Path, default=None, help=argparse.SUPPRESS)
    return parser.parse_args()


def _summary(runs: dict[str, list[dict[str, float]]], total: int, options: argparse.Namespace) -> dict[str, Any]:
    ratios = [theirs["seconds"] / ours["seconds"] for ours, theirs in zip(runs["ours"], runs["theirs"], strict=True)]
    result: dict[str, Any] = {
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "files": f"{len(LARGE)} large and {len(SMALL)} small, {total / 1e6:.0f} MB, {options.rounds} rounds",
        "connections": options.connections,
    }
    for side, name in (("ours", "ours"), ("theirs", "huggingface_hub")):
        result[name] = {
            "mb_per_second_median": round(statistics.median(total / 1e6 / run["seconds"] for run in runs[side]), 1),
            "cpu_seconds_median": round(statistics.median(run["cpu_seconds"] for run in runs[side]), 2),
            "peak_memory_mb_median": round(statistics.median(run["peak_mb"] for run in runs[side]), 1),
        }
    result |= {
        "ratio_median": round(statistics.median(ratios), 2),
        "ratio_min": round(min(ratios), 2),
        "ratio_max": round(max(ratios), 2),
        "versions": {name: version(name) for name in ("httpx2", "huggingface_hub")},
    }
    return result


def _make_files(folder: Path) -> int:
    folder.mkdir()
    source = random.Random(7)
    sizes = [("model-%05d.safetensors", size) for size in LARGE] + [("part-%02d.json", size) for size in SMALL]
    for number, (name, size) in enumerate(sizes):
        with (folder / (name % number)).open("wb") as file:
            for start in range(0, size, 10_000_000):
                file.write(source.randbytes(min(10_000_000, size - start)))
    return sum(LARGE) + sum(SMALL)


def _server_command(source: Path, place: Path) -> list[str]:
    command = [sys.executable, "-m", "tests.helpers.hub_server", "--folder", str(source), "--repo", REPO]
    return [*command, "--port-file", str(place / "port")]


def _wait_for(port_file: Path) -> str:
    while not port_file.exists():
        time.sleep(0.1)
    return port_file.read_text("ascii")


def _in_process(side: str, url: str, place: Path, options: argparse.Namespace) -> dict[str, float]:
    target = place / side
    environment = {
        **os.environ,
        "HF_HOME": str(place / "hf"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    environment |= {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "NO_PROXY": "127.0.0.1", "HF_HUB_OFFLINE": "0"}
    command = [sys.executable, __file__, "--side", side, "--url", url, "--target", str(target)]
    command += ["--connections", str(options.connections)]
    if hasattr(os, "sync"):
        os.sync()  # nobody pays for what another side left unwritten
    try:
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    finally:
        shutil.rmtree(target, ignore_errors=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _measure(options: argparse.Namespace) -> dict[str, float]:
    """One download in this process; the start of Python and its imports do not count."""
    import psutil

    download = _ours if options.side == "ours" else _theirs
    run = download(options)
    process = psutil.Process()
    cpu = sum(process.cpu_times()[:2])
    started = time.perf_counter()
    run()
    seconds = time.perf_counter() - started
    cpu = sum(process.cpu_times()[:2]) - cpu
    return {"seconds": seconds, "cpu_seconds": cpu, "peak_mb": _peak_bytes() / 1e6}


def _peak_bytes() -> int:
    import psutil

    try:
        import resource
    except ImportError:  # Windows
        return int(psutil.Process().memory_info().peak_wset)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _ours(options: argparse.Namespace) -> Any:
    import threading

    import httpx2

    from app.transfers.fetch import fetch
    from app.transfers.values import Digest, RemoteFile, TransferFinished, TransferOptions

    def run() -> None:
        # Their side asks the API in the measured time, so ours does too.
        with urllib.request.urlopen(f"{options.url}/api/models/{REPO}?blobs=true") as answer:
            info = json.load(answer)
        files = []
        for entry in info["siblings"]:
            path = entry["rfilename"]
            digest = Digest("sha256", entry["lfs"]["sha256"]) if "lfs" in entry else Digest("git-blob", entry["blobId"])
            url = f"{options.url}/{REPO}/resolve/{info['sha']}/{path}"
            files.append(RemoteFile(path, url, entry["size"], digest))
        transfer = TransferOptions(connections=options.connections)
        for event in fetch(files, options.target, httpx2.Client, transfer, cancel=threading.Event()):
            last = event
        if not isinstance(last, TransferFinished):
            sys.exit("our download did not finish")

    return run


def _theirs(options: argparse.Namespace) -> Any:
    from huggingface_hub import snapshot_download

    def run() -> None:
        snapshot_download(REPO, endpoint=options.url, cache_dir=options.target)

    return run


if __name__ == "__main__":
    sys.exit(main())
