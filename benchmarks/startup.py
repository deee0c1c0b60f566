"""Time from the command to a window that takes input, with the starter model, and proof that torch was not imported.

Starts `python -m app --smoke` several times, as a process of its own in a fresh data folder, and reads what it reports:
when the message box took input, when the first draft was there, and which modules were loaded.

    python benchmarks/startup.py [--runs 5] [--platform offscreen|xcb] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Measure and print; exit code 1 if a run failed or torch was loaded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--platform", default="offscreen", help="Qt platform")
    parser.add_argument("--json", type=Path, default=None)
    options = parser.parse_args()
    runs = [_run(options.platform) for _ in range(options.runs + 1)][1:]  # the first one warms the disk cache
    ready = [run["ready"] for run in runs]
    result = {
        "runs": options.runs,
        "seconds_to_input_median": round(statistics.median(ready), 3),
        "seconds_to_input_max": round(max(ready), 3),
        "seconds_from_send_to_first_draft_median": round(statistics.median(run["draft"] for run in runs), 3),
        "torch_imported": any(run["modules"]["torch"] for run in runs),
        "transformers_imported": any(run["modules"]["transformers"] for run in runs),
        "versions": runs[0]["versions"],
    }
    print(json.dumps(result, indent=1))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 1 if result["torch_imported"] or result["transformers_imported"] else 0


def _run(platform: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "QT_QPA_PLATFORM": platform, "DEWPOINT_HOME": home}
        command = [sys.executable, "-m", "app", "--smoke", "hello", "--base-dir", home]
        started = time.time()
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"the program ended with {done.returncode}: {done.stderr.strip()}")
    facts = json.loads(done.stdout.splitlines()[-1])
    return {
        "ready": facts["input_ready_unix_time"] - started,
        "draft": facts["times"]["first_draft"],
        "modules": facts["modules"],
        "versions": facts["versions"],
    }


if __name__ == "__main__":
    sys.exit(main())
