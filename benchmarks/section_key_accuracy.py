"""How often the tonic of a section is right, chord by chord, where analysts name the tonic of each chord.

    python -m benchmarks.section_key_accuracy

The songs are those of RS200.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from etl.chords.key_model import softmax, trained_model
from etl.chords.ragged import Ragged
from etl.chords.section_keys import section_evidence, sections, weighed
from etl.chords.tokens import tokenize
from etl.music.pitch_classes import note_pitch_class
from tests.support.reference import reference


def main() -> None:
    """Measure and print."""
    tokens, vocabulary = tokenize(pl.read_csv(reference("rs200/rs200_chordonomicon.csv"))["chords"])
    ragged = Ragged.from_series(tokens)
    numerals = pl.read_csv(reference("rs200/rs200_numerals.csv"), columns=["key"])  # a line for each chord
    tonics = np.array([note_pitch_class(name) for name in numerals["key"]])
    spans, of_song, _ = sections(ragged, vocabulary)
    song_of_chord = np.repeat(np.repeat(np.arange(ragged.rows), np.diff(of_song)), spans.lengths)
    lowest, highest = (np.full(ragged.rows, fill) for fill in (12, -1))
    np.minimum.at(lowest, song_of_chord, tonics)
    np.maximum.at(highest, song_of_chord, tonics)
    modulates = (lowest != highest)[song_of_chord]
    of_whole = softmax(trained_model().logits(ragged, vocabulary))
    evidence = section_evidence(spans, vocabulary)
    posterior = weighed(evidence, of_song, of_whole)
    per_section = {
        "key of the song": of_whole.argmax(axis=1).repeat(np.diff(of_song)),
        "key of the section alone": evidence.argmax(axis=1),
        "key of the section and the song": posterior.argmax(axis=1),
    }
    print("| chords with the right tonic | all songs | songs that modulate | others |\n|---|---|---|---|")
    for name, key in per_section.items():
        right = key.repeat(spans.lengths) % 12 == tonics
        shares = (right.mean(), right[modulates].mean(), right[~modulates].mean())
        print(f"| {name} | {' | '.join(f'{100 * share:.1f} %' for share in shares)} |")
    key, confidence = posterior.argmax(axis=1), posterior.max(axis=1)
    right = (key.repeat(spans.lengths) % 12 == tonics).astype(float)
    share = np.add.reduceat(right, spans.offsets[:-1]) / spans.lengths
    print("\n| confidence | sections | mean confidence | chords with the right tonic |\n|---|---|---|---|")
    for low, high in ((0.0, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.8), (0.8, 0.9), (0.9, 1.01)):
        inside = (confidence >= low) & (confidence < high)
        print(
            f"| {low}-{min(high, 1.0)} | {inside.sum()} | {confidence[inside].mean():.2f} "
            f"| {100 * share[inside].mean():.1f} % |"
        )


if __name__ == "__main__":
    main()
