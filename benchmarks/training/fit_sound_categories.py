"""Fit what tells drums, melodic sounds and effects apart by six measurements; no recording is needed.

    python -m benchmarks.training.fit_sound_categories [--check] [--real FOXDOT/snd]

Sounds of 25 families (`one_shots.py`), 80 of each: a multinomial logistic regression at the maximum of the
penalised likelihood. Its error is told for families that are not fitted, each left out once, and for sounds
that are not. With --check it says whether the weights that ship come out, and fails if not. With --real it
says how right they are about recordings: the sounds of FoxDot 0.9 (`pip download FoxDot`), by what its makers
say each letter's folder holds.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

from benchmarks.training.one_shots import FAMILIES, made
from benchmarks.training.validation import folds
from etl.audio.short_sounds import LevelMeter, measure
from etl.audio.signal import SAMPLE_RATE, DecodeError
from etl.batch.sound_categories import (
    CATEGORIES,
    KINDS,
    MEASURED,
    SURE,
    WEIGHTS_FILE,
    SoundModel,
    described,
    expanded,
    sound_category,
    sound_model,
)
from etl.pipelines.batch.measure import SampleFile, measure_file
from etl.runtime.resources import resource
from tests.support.figures import show

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

SOUNDS: Final = 80
PENALTY: Final = 3e-2
"""For families left out the loss hardly differs from 0.01 to 0.1; with more it says less."""

NAMES: Final = list(FAMILIES)

FOXDOT: Final = {
    "drums": (
        "a/lower a/upper d/lower d/upper e/lower e/upper h/lower h/upper i/lower i/upper k/lower k/upper "
        "m/lower m/upper o/lower o/upper p/lower p/upper s/lower s/upper t/lower t/upper u/lower v/lower "
        "v/upper x/lower x/upper y/lower _/hyphen _/equals _/asterix _/tilde _/hash _/colon"
    ),
    "melodic": "b/upper f/upper",
    "vocals": "c/upper _/exclamation _/1 _/2 _/3 _/4",
    "fx": "u/upper z/lower _/forwardslash _/backslash _/percent _/at g/lower",
}
"""Folders whose makers name a category. Not among them: `Ambient stabs`, `Metal`, `Beatbox` and the like,
which could be two, and `Noise`, `Gameboy SFX` and `Robot noise`, whose files are called hats and drums."""


def measured(family: str) -> Floats:
    """Measure the sounds of a family, (SOUNDS, 6)."""
    rows = []
    for seed in range(SOUNDS):
        signal = made(family, seed)
        meter = LevelMeter()
        meter.hear(signal[None], SAMPLE_RATE)
        found = measure(signal)
        rows.append(
            (
                len(signal) / SAMPLE_RATE, meter.peak_dbfs, meter.rms_dbfs, found.onsets, found.centroid_hz,
                found.pitchedness,
            )
        )  # fmt: skip
    return np.array(rows, dtype=np.float64)


def fitted(rows: Floats, families: Ints, penalty: float) -> SoundModel:
    """Fit a model to measurements (n, 6) of families (n,)."""
    numbers = described(rows)
    mean, scale = numbers.mean(axis=0), numbers.std(axis=0)
    features = expanded((numbers - mean) / scale)
    truth = np.array([KINDS.index(FAMILIES[NAMES[family]][0]) for family in families])
    in_kind = {kind: len({f for f in families if FAMILIES[NAMES[f]][0] == kind}) for kind in KINDS}
    weight = np.array([1.0 / max(1, in_kind[KINDS[kind]]) ** 0.5 for kind in truth])
    weight /= weight.sum()

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights = flat.reshape(features.shape[1], len(KINDS))
        scores = features @ weights
        logs = scores - logsumexp(scores, axis=1, keepdims=True)
        chances = np.exp(logs)
        likelihood = float(weight @ logs[np.arange(len(truth)), truth])
        chances[np.arange(len(truth)), truth] -= 1.0
        slope = features.T @ (chances * weight[:, None])
        bound = weights.copy()
        bound[0] = 0.0
        return -likelihood + penalty / 2 * float((bound**2).sum()), (slope + penalty * bound).ravel()

    start = np.zeros(features.shape[1] * len(KINDS))
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 2000})
    return SoundModel(mean, scale, found.x.reshape(features.shape[1], len(KINDS)))


def by_category(chances: Floats) -> Floats:
    """Sum chances of kinds up to those of drums, melodic, fx, (n, 3)."""
    return np.column_stack(
        [
            chances[:, [KINDS.index(kind) for kind in KINDS if CATEGORIES[kind] == each]].sum(axis=1)
            for each in dict.fromkeys(CATEGORIES.values())
        ]
    )


def left_out(rows: Floats, parts: Ints, penalty: float, families: Ints) -> tuple[float, float, float]:
    """Leave each part out once; gives the loss, and shares named and right."""
    categories = list(dict.fromkeys(CATEGORIES.values()))
    truths = np.array([categories.index(CATEGORIES[FAMILIES[NAMES[each]][0]]) for each in families])
    losses, named, right = [], [], []
    for part in np.unique(parts):
        is_out = parts == part
        model = fitted(rows[~is_out], families[~is_out], penalty)
        chances, truth = by_category(model.chances(rows[is_out])), truths[is_out]
        losses.append(-np.log(np.maximum(chances[np.arange(len(truth)), truth], 1e-3)).mean())
        said = chances.max(axis=1) >= SURE
        named.append(said)
        right.append(said & (chances.argmax(axis=1) == truth))
    return (
        float(np.mean(losses)),
        float(np.concatenate(named).mean()),
        float(np.concatenate(right).sum() / max(1, np.concatenate(named).sum())),
    )


def real(folder: Path) -> dict[str, object]:
    """Say how right the model that ships is about FoxDot's sounds."""
    figures: dict[str, object] = {}
    named_of_all, right_of_all, all_sounds = 0, 0, 0
    for category, folders in FOXDOT.items():
        count, said, right, kinds = 0, 0, 0, []
        for part in folders.split():
            for path in sorted(path for path in (folder / part).iterdir() if path.suffix.lower() == ".wav"):
                try:
                    row = measure_file(SampleFile(0, str(path)))
                except DecodeError:
                    continue
                if row.get("duration_s") is None or row.get("rms_dbfs") is None:
                    continue
                count += 1
                found = sound_category({name: row[name] for name in MEASURED})
                said += found is not None
                right += found is not None and found.category == category
                if found is not None and found.category != category:
                    kinds.append(found.category)
        wrong = ", ".join(f"{kinds.count(kind)} as {kind}" for kind in dict.fromkeys(kinds))
        figures[category] = f"{count} sounds, {said} named, {right} right" + (f"; {wrong}" if wrong else "")
        named_of_all, right_of_all = named_of_all + said, right_of_all + right
        all_sounds += count
    figures["named"] = f"{named_of_all / all_sounds:.1%}"
    figures["right of these"] = f"{right_of_all / max(1, named_of_all):.1%}"
    return figures


def main() -> int:
    """Fit, and write or compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="only compare with the weights that ship")
    parser.add_argument("--real", type=Path, help="folder `snd` of FoxDot")
    chosen = parser.parse_args()
    if chosen.real:
        show(real(chosen.real), "FoxDot")
        return 0
    rows = np.concatenate([measured(family) for family in NAMES])
    families = np.repeat(np.arange(len(NAMES)), SOUNDS)
    for what, parts in (("families", families), ("sounds", folds(len(rows), 0))):
        loss, named, right = left_out(rows, parts, PENALTY, families)
        figures = {"loss": f"{loss:.3f}", "named": f"{named:.1%}", "right of these": f"{right:.1%}"}
        show(figures, f"{what} left out")
    model = fitted(rows, families, PENALTY)
    kept = {name: np.round(getattr(model, name), 4).tolist() for name in ("mean", "scale", "weights")}
    if chosen.check:
        is_same = np.allclose(sound_model().weights, kept["weights"], atol=0.02)
        show({"weights": "as they ship" if is_same else "others than ship"})
        return int(not is_same)
    (resource("batch/tasks").parent / WEIGHTS_FILE).write_text(json.dumps(kept), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
