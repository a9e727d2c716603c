"""Measure the figures of README and docs again, and print them in one table.

    python -m benchmarks [--quick] [--list] [NAME...]

Without names all are measured, which takes hours; ``--quick`` runs each at a size that says nothing but that
it works. What went wrong is said in the table, and in the exit code.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from dataclasses import dataclass

from tests.support.figures import read_figures


@dataclass(frozen=True)
class Script:
    """A script that prints figures: its module, its arguments, and those of a quick run."""

    module: str
    arguments: str = ""
    quick: str = ""

    def command(self, *, quick: bool) -> list[str]:
        """Words of the command after ``python``."""
        return ["-m", self.module, *(self.quick if quick else self.arguments).split()]


SCRIPTS = {
    "build_ratio": Script("benchmarks.build_ratio", quick="500 1"),
    "full_size": Script("benchmarks.full_size", quick="500 100"),
    "queries": Script("benchmarks.queries", quick="500 1"),
    "rowwise_ratio": Script("benchmarks.rowwise_ratio", quick="500 20 1"),
    "keys_speed": Script("benchmarks.keys_speed", quick="500 1"),
    "report_page": Script("benchmarks.report_page", quick="500 1"),
    "startup": Script("benchmarks.startup", quick="1"),
    "dataset_leaks": Script("benchmarks.dataset_leaks", quick="20 1"),
    "key_accuracy": Script("benchmarks.key_accuracy", quick="1"),
    "section_key_accuracy": Script("benchmarks.section_key_accuracy"),
    "numeral_accuracy": Script("benchmarks.numeral_accuracy"),
    "audio_likeness": Script("benchmarks.audio_likeness", quick="14 2000"),
    "audio_speed": Script("benchmarks.audio_speed", quick="1 10 1"),
    "audio_accuracy": Script("benchmarks.audio_accuracy", quick="7"),
    "audio_accuracy_2": Script("benchmarks.audio_accuracy", "105 2", quick="7 2"),
    "audio_integrity": Script("benchmarks.audio_integrity", "7", quick="1"),
    "playlists": Script("benchmarks.playlists", quick="2 2 2000"),
    "audio_scan": Script("benchmarks.audio_scan", quick="100"),
    "cluster_driver": Script("benchmarks.cluster_driver", "20000 1000", quick="50 10"),
    "cluster_speed": Script("benchmarks.cluster_speed", quick="4 4 1"),
    "cluster_faults": Script("tests.robustness.cluster_faults"),
    "fresh_cache": Script("tests.robustness.fresh_cache", "10", quick="1"),
    "audio_resume": Script("tests.robustness.audio_resume", quick="4 11 1"),
    "midi_parse": Script("benchmarks.midi_parse", quick="1"),
    "midi_run": Script("benchmarks.midi_run", quick="100 1"),
    "midi_run_30000": Script("benchmarks.midi_run", "30000 1", quick="100 1"),
    "midi_split": Script("benchmarks.midi_split", quick="50 1"),
    "midi_near": Script("benchmarks.midi_near", quick="200"),
    "midi_names": Script("benchmarks.midi_names", quick="10"),
    "midi_accuracy": Script("benchmarks.midi_accuracy", "--cross-validate"),
    "mutants": Script("tests.robustness.mutants", quick="--sample 1 midi/tags.py"),
    "midi_fuzz": Script("tests.robustness.midi_fuzz", quick="100"),
    "midi_bombs": Script("tests.robustness.midi_bombs", quick="16"),
    "midi_kills": Script("tests.robustness.midi_kills", quick="20 1"),
    "midi_kills_all_stages": Script("tests.robustness.midi_kills", "1000 10 1", quick="20 1 1"),
    "genre_lists": Script("benchmarks.genre_lists"),
    "genre_likeness": Script("benchmarks.genre_likeness"),
    "batch_ledger": Script("benchmarks.batch_ledger", quick="50"),
    "batch_days": Script("tests.robustness.batch_days"),
    "batch_kills": Script("tests.robustness.batch_kills", "10 1", quick="1 1"),
    "enrich_lookups": Script("benchmarks.enrich_lookups", quick="50"),
    "enrich_faults": Script("tests.robustness.enrich_faults", quick="100"),
    "enrich_reactions": Script("tests.robustness.enrich_reactions", quick="2000"),
    "enrich_beside_build": Script("benchmarks.enrich_beside_build", "30000", quick="500 1"),
    "train_keys": Script("benchmarks.training.train_keys", "--check", quick="--check"),
    "fit_audio_key": Script("benchmarks.training.fit_audio_key", "--check", quick="--check"),
    "fit_tempo": Script("benchmarks.training.fit_tempo", "--check", quick="--check"),
    "fit_sound_categories": Script("benchmarks.training.fit_sound_categories", "--check", quick="--check"),
    "midi_fit_chords": Script("benchmarks.training.midi_fit_chords", "--check", quick="--check"),
    "midi_fit_roles": Script("benchmarks.training.midi_fit_roles", quick="--check"),
    "midi_fit_keys": Script("benchmarks.training.midi_fit_keys", "--check", quick="--check"),
}


def reason(said: str) -> str:
    """Tell why a script failed by what it said last: the error of a traceback, without its class."""
    lines = said.strip().splitlines() or ["it did not say why"]
    errors = [line for line in lines if re.match(r"[\w.]+Error: ", line)]
    return errors[-1].partition(": ")[2] if errors else lines[-1]


def main() -> int:
    """Run scripts one after the other; 1 if one fails."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SCRIPTS))
    parser.add_argument("--quick", action="store_true", help="at a small size, to see that all works")
    parser.add_argument("--list", action="store_true", help="only print the names and their commands")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(SCRIPTS))
    if unknown:
        parser.error(f"no benchmark `{unknown[0]}`. Choose from: {', '.join(SCRIPTS)}")
    if options.list:
        print("| name | command |\n|---|---|")
        for name, script in SCRIPTS.items():
            print(f"| {name} | `python {' '.join(script.command(quick=options.quick))}` |")
        return 0
    failed = 0
    print("| what | figure | command |\n|---|---|---|")
    for name in options.names or SCRIPTS:
        command = SCRIPTS[name].command(quick=options.quick)
        done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
        for what, figure in read_figures(done.stdout):
            print(f"| {what} | {figure} | `python {' '.join(command)}` |", flush=True)
        if done.returncode:
            failed += 1
            print(f"| {name} | failed: {reason(done.stderr)} | `python {' '.join(command)}` |", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
