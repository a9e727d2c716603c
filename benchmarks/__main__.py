"""Run the benchmarks behind the README's figures, one after the other: `python -m benchmarks [NAME...]`."""

from __future__ import annotations

import subprocess
import sys

_SCRIPTS = {
    "build_ratio": (),
    "full_size": (),
    "rowwise_ratio": (),
    "keys_speed": (),
    "startup": (),
    "audio_speed": (),
    "audio_accuracy": (),
    "audio_scan": (),
    "audio_resume": (),
}


def main(names: list[str]) -> int:
    """Run the named scripts, or all; give the exit code."""
    for name in names or _SCRIPTS:
        print(f"\n== {name}", flush=True)
        code = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{name}", *_SCRIPTS[name]], check=False
        ).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
