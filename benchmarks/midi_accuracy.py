"""How often keys, chords, tempos, metres and drum categories are right, as shipped and cross-validated.

    python -m benchmarks.midi_accuracy [--cross-validate]

Keys: share of POP909 songs, and of their parts, whose key is the longest in ``key_audio.txt``. Chords: mean
of mir_eval's weighted accuracies. Groove: tempo, metre, tempo from the name, and category. Tempo from onsets:
the same files, and POP909, as if they gave no tempo; within 4 %, and within 4 % but for a factor of two.
``--cross-validate`` adds the figures of keys and chords with weights fitted to other songs (a minute).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.training import midi_fit_chords, midi_fit_keys
from etl.midi.analysis import analyze
from etl.midi.categories import categorize
from etl.midi.file_names import with_name_figures
from etl.midi.keys import find_keys
from etl.midi.onset_kernel import onset_tempo
from etl.midi.reader import read_files
from etl.midi.split import split_file
from etl.midi.tags import find_tags
from etl.music.keys import KEY_INDEX, NO_KEY
from tests.support.figures import show
from tests.support.midi_songs import Songs, midi_files

ONSETS = 60
TOLERANCE = 0.04


def song_figures(songs: Songs, *, cross_validate: bool) -> dict[str, Any]:
    """Keys and chords of POP909."""
    found = find_keys(songs.batch, songs.beats, songs.chord_labels)
    figures: dict[str, Any] = {
        "songs": len(songs.names),
        "key_exact": round(float((found.key == songs.keys).mean()), 4),
        "changes_of_scale": midi_fit_keys.changes_found(songs, found),
        "chords": {
            metric: round(float(songs.chord_scores(songs.chord_labels, metric).mean()), 4)
            for metric in ("majmin", "sevenths", "root")
        },
    }
    if cross_validate:
        features = midi_fit_keys.longest_part_features(songs)
        figures["key_exact_cross_validated"] = midi_fit_keys.cross_validated(features, songs.keys)
        figures["chords_cross_validated"] = midi_fit_chords.cross_validated(songs)
    return figures


def part_figures(songs: Songs, blobs: list[bytes]) -> dict[str, Any]:
    """Keys of the parts of POP909, as they are stored, and of each part as if it were a file by itself."""
    batch = read_files(blobs, keep_all=True)
    analysis = analyze(batch)
    parts = analysis.parts
    truth = songs.keys[parts["file"].to_numpy()]
    columns = ("track", "channel", "program", "drum_score")
    alone = [
        bytes(part.blob)
        for file, group in parts.group_by("file", maintain_order=True)
        for part in split_file(batch, int(str(file[0])), group.select(columns).rows())
    ]
    by_name = {
        "stored": parts["key"],
        "alone": analyze(read_files(alone)).files["key"],
    }
    numbers = {
        name: keys.replace_strict(KEY_INDEX, default=NO_KEY, return_dtype=pl.Int64).to_numpy()
        for name, keys in by_name.items()
    }
    return {"parts": len(truth)} | {
        f"key_{name}": round(float((found == truth).mean()), 4) for name, found in numbers.items()
    }


def drum_figures(blobs: list[bytes], stems: list[str]) -> dict[str, Any]:
    """Tempo, metre and category of performances whose names say them: index_style_bpm_kind_metre."""
    analysis = analyze(read_files(blobs))
    said = [stem.split("_") for stem in stems]
    names = pl.DataFrame({"file": pl.Series(range(len(stems)), dtype=pl.Int32), "stem": stems, "folder": ""})
    categories = categorize(analysis.files, find_tags(names, analysis.files, analysis.parts))
    by_name = with_name_figures(names.lazy()).collect()
    metres = analysis.files.select(pl.format("{}-{}", "numerator", "denominator")).to_series()
    bpm = np.array([float(words[2]) for words in said])
    return {
        "performances": len(blobs),
        "tempo": float((np.abs(analysis.files["bpm"].to_numpy() - bpm) < 0.01).mean()),
        "metre": float(np.mean([metre == words[4] for metre, words in zip(metres, said, strict=True)])),
        "tempo_from_name": float((by_name["name_bpm"].to_numpy() == bpm).mean()),
        "drum_category": float(np.mean(categories["category"].str.starts_with("Drum").to_numpy())),
    }


def onset_figures(blobs: list[bytes]) -> dict[str, Any]:
    """Tempo as heard, against the tempo that the file gives."""
    batch = read_files(blobs)
    given = analyze(batch).files["bpm"].to_numpy()
    heard = np.zeros((len(blobs), 2))
    onset_tempo(batch.notes, batch.note_offsets, np.ones(len(blobs), np.bool_), heard)
    onsets = np.array([len(np.unique(batch.notes_of(file)["start_s"])) for file in range(len(blobs))])
    ratios = (heard[:, 0] / given)[onsets > ONSETS]
    return {
        "files": len(ratios),
        "exact": round(float((np.abs(ratios - 1) < TOLERANCE).mean()), 4),
        "but_for_octaves": round(
            float(np.any([np.abs(ratios / by - 1) < TOLERANCE for by in (0.5, 1, 2)], axis=0).mean()), 4
        ),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cross-validate", action="store_true")
    cross_validate = parser.parse_args().cross_validate
    pop909, groove = midi_files("pop909"), midi_files("groove")
    songs = Songs(pop909)
    drums = {Path(path).stem: blob for path, blob in groove.items() if path.endswith(".mid")}
    figures = {
        "pop909": song_figures(songs, cross_validate=cross_validate),
        "pop909_parts": part_figures(songs, songs.blobs),
        "groove": drum_figures(list(drums.values()), list(drums)),
        "tempo_from_onsets": {
            "groove": onset_figures(list(drums.values())),
            "pop909": onset_figures([blob for path, blob in pop909.items() if path.endswith(".mid")]),
        },
    }
    show(figures)


if __name__ == "__main__":
    main()
