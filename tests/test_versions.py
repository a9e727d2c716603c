"""Every analysis version is tied to what it gives on a small fixed input.

Work is kept by version: an output that changes under an old version would be mixed with the old one in every
store. Fitted constants count as output, for a small input does not show each of them. Where a test here
fails, raise the version that it names, then write the new line into ``GUARDED``.
"""

from __future__ import annotations

import hashlib
import itertools
import zipfile
from dataclasses import asdict, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
import polars.selectors as cs
import pytest
import soundfile as sf

from etl.audio import (
    beats,
    chords as audio_chords,
    constantq,
    key as audio_key,
    meter,
    periodicity,
    spectral,
    tempo_level,
)
from etl.audio.features import FEATURE_VERSION, Mode
from etl.audio.loudness import measure_loudness
from etl.audio.short_sounds import SOUND_VERSION, measure
from etl.audio.signal import SAMPLE_RATE
from etl.audio.sonic import describe
from etl.batch.name_categories import CATEGORY_VERSION, name_category
from etl.batch.sound_categories import MEASURED, SOUND_CATEGORY_VERSION, sound_category
from etl.chords import key_model, keys as chord_keys
from etl.chords.analysis import ANALYSIS_VERSION, analyze
from etl.chords.key_model import trained_model
from etl.chords.keys import KEY_VERSIONS, KeyMethod
from etl.chords.section_keys import SECTION_KEYS_VERSION
from etl.midi import categories, chords as midi_chords, drums, keys as midi_keys, parts, roles, tempo
from etl.midi.sanitize import safe_stems
from etl.music import key_profiles
from etl.pipelines.audio.describe import as_row
from etl.pipelines.midi.messages import Batch, Entry, Result, Wanted
from etl.pipelines.midi.request import VERSIONS
from etl.pipelines.midi.worker import process_batch
from etl.sources.audio.payload import audio_payload
from etl.sources.audio.tag_frames import tag_values, tags_frame
from etl.sources.audio.tags import TAG_VERSION, read_tags
from etl.store.midi import ANALYZE, IMPORT, SANITIZE, SPLIT
from etl.store.midi_results import FACTS
from tests.support import audio_pieces
from tests.support.chord_songs import sample, written
from tests.support.command_line import ROOT
from tests.support.places import DATA

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

SONGS: Final = 60


def digest(*frames: pl.DataFrame) -> str:
    """Hash frames by value; floats to four significant digits, which no processor's last bits reach."""
    summed = hashlib.blake2b(digest_size=8)
    for frame in frames:
        rounded = frame.with_columns(
            cs.float().round_sig_figs(4),
            cs.by_dtype(pl.List(pl.Float32), pl.List(pl.Float64)).list.eval(pl.element().round_sig_figs(4)),
        )
        summed.update(repr(rounded.columns).encode())
        summed.update(repr(rounded.rows()).encode())
    return summed.hexdigest()


def constants(*modules: ModuleType) -> pl.DataFrame:
    """Fitted numbers of modules: floats, and arrays of numbers, by value and in no order.

    To nine digits: some are computed, and the last bit of a power or a cosine is the processor's.
    """
    found = []
    for name, value in ((name, value) for module in modules for name, value in vars(module).items()):
        if name.isupper() and (
            isinstance(value, float) or (isinstance(value, np.ndarray) and value.dtype.names is None)
        ):
            array = np.atleast_1d(np.asarray(value))
            digits = [f"{number:.9g}" for number in array.astype(np.float64).ravel()]
            found.append(f"{array.shape} {digits}")
    return pl.DataFrame({"constant": sorted(set(found))})


def chords() -> str:
    """Numerals, categories, counts and fingerprints, with keys that are no matter of the analysis."""
    batch = analyze(sample().select("id", "chords").head(SONGS), method=KeyMethod.KRUMHANSL)
    texts = written(batch).select("id", "roman_numerals", "harmonic_fingerprint")
    counts = batch.songs.select(
        name for name in ("n_chords", "category_counts") if name in batch.songs.columns
    )
    return digest(texts, counts)


def keys(method: KeyMethod) -> str:
    """Keys and their posteriors."""
    batch = analyze(sample().select("id", "chords").head(SONGS), method=method, statistics=False)
    posterior = np.array(batch.songs["key_posterior"].to_list(), dtype=np.float64)
    fitted = (
        [pl.DataFrame(trained_model().weights)] if method is KeyMethod.TRAINED else [constants(key_profiles)]
    )
    return digest(batch.songs.select("id", "key"), pl.DataFrame(np.round(posterior, 3) + 0.0), *fitted)


def section_keys() -> str:
    """Keys of sections."""
    batch = analyze(
        sample().select("id", "chords").head(SONGS),
        method=KeyMethod.TRAINED,
        statistics=False,
        section_keys=True,
    )
    return digest(batch.songs.select("id", cs.starts_with("section_key") & ~cs.contains("confidence")))


def midi_result(tmp_path: Path) -> Result:
    """Process four pop songs, four drum performances, eight odd files."""
    entries = []
    for archive, count in (("pop909.zip", 4), ("groove.zip", 4), ("conformance.zip", 8)):
        with zipfile.ZipFile(DATA / "midi" / archive) as opened:
            names = sorted(name for name in opened.namelist() if name.endswith(".mid"))[:count]
            for name in names:
                blob = opened.read(name)
                entries.append(Entry(name, PurePath(name).name, None, len(blob), 0, blob))
    wanted = Wanted(analyze=True, split=True, incoming=tmp_path, roots=(), member_bytes=1 << 25)
    return process_batch(Batch(tuple(entries)), wanted)


def midi_import(tmp_path: Path) -> str:
    """Files, parts, tags, texts, maps and signatures."""
    done = midi_result(tmp_path)
    return digest(done.files, done.parts, done.tags, *(done.facts[name] for name in FACTS))


def midi_analysis(tmp_path: Path) -> str:
    """Tempo, metre, key, chords, categories; those of parts."""
    done = midi_result(tmp_path)
    return digest(
        done.analysis,
        done.part_analysis,
        constants(midi_keys, midi_chords, drums, roles, tempo, categories, key_profiles, parts),
    )


def midi_parts(tmp_path: Path) -> str:
    """Bytes and names of the parts."""
    done = midi_result(tmp_path)
    files = sorted(path for path in tmp_path.iterdir() if path.is_file())
    content = b"".join(path.name.encode() + path.read_bytes() for path in files)
    named = done.split.drop("content_sha256")  # that of the bytes
    return digest(named, pl.DataFrame({"sum": hashlib.sha256(content).hexdigest()}))


def midi_names() -> str:
    """Safe names."""
    stems = pl.DataFrame(
        {"stem": ["Ride On (live)", "Für Elise #2", "a/b\\c", "..", "CON", "x" * 300, "日本"]}
    )
    return digest(stems.select(safe_stems(pl.col("stem"))))


def sound() -> str:
    """Tempo, key, loudness and vectors of a little rendered piece."""
    piece = audio_pieces.compose("rock", 126.3, 9, minor=True, seconds=12.0, seed=5)
    signal = audio_pieces.render(piece)
    # To a tenth of a decade: Fourier transforms differ from processor to processor by far less.
    values = []
    for mode in Mode:
        row = as_row("", describe(signal, mode))
        vectors = [row[name] for name in row if name.startswith("vector_")]
        decades = np.log10(np.maximum(np.abs(np.concatenate(vectors, dtype=np.float64)), 1e-3))
        values.append([row["key"], round(row["bpm"] or 0), *np.round(10 * decades).astype(int).tolist()])
    without_pulse = np.abs(describe(signal[SAMPLE_RATE : 3 * SAMPLE_RATE]).vectors[0]).astype(np.float64)
    values.append(np.round(10 * np.log10(np.maximum(without_pulse, 1e-3))).astype(int).tolist())
    loudness = measure_loudness(signal[None], SAMPLE_RATE)[:3]
    values.append([round(20 * (number or 0)) for number in loudness])
    pulses = constants(beats, periodicity, tempo_level, meter, constantq, spectral)
    keys_by = constants(audio_chords, audio_key, key_profiles)
    weights = pl.DataFrame(audio_key.key_weights())
    return digest(pl.DataFrame({"values": values}), pulses, keys_by, weights)


def tags(folder: Path) -> str:
    """Read two tagged files, and hash sound that no encoder has made."""
    from mutagen.flac import FLAC
    from mutagen.id3 import TCON, TIT2, TRCK
    from mutagen.wave import WAVE

    paths = [folder / "a.flac", folder / "b.wav"]
    for path in paths:
        sf.write(path, np.arange(2000, dtype=np.int16), 22_050)
    flac: Any = FLAC(paths[0])
    wav: Any = WAVE(paths[1])
    flac.update(
        title="BjÃ¶rk", artist=["A", "B"], date="1999-05", tracknumber="A1", replaygain_track_gain="-8,1 dB",
        bpm="128", initialkey="Am", genre="Rock; Dub", compilation="1", label="L", composer="C",
        musicbrainz_releasegroupid="F5093C06-23E3-404F-AEAA-40F72885EE3A",
    )  # fmt: skip
    flac.save()
    wav.add_tags()
    for frame in (TIT2(3, "T"), TCON(3, ["17", "Own"]), TRCK(3, "3/12")):
        wav.tags.add(frame)
    wav.save()
    rows = [read_tags(path) for path in paths]
    hashes = pl.DataFrame({"hash": [audio_payload(paths[1]).hash]})
    stream = ("duration_s", "bitrate_kbps")
    return digest(tags_frame(rows).drop(*stream), tag_values(rows, pl.Series(["a", "b"])), hashes)


def short_sounds() -> str:
    """Measurements of clicks, a tone and noise."""
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    noise = np.random.default_rng(7).normal(0, 0.2, SAMPLE_RATE).astype(np.float32)
    signals = (noise * (time % 0.25 < 0.02), np.sin(440 * np.pi * time).astype(np.float32), noise)
    return digest(pl.DataFrame([asdict(measure(signal)) for signal in signals]))


def sample_names() -> str:
    """Categories of names."""
    file = ROOT / "tests" / "data" / "sample_names" / "names.csv"
    names = pl.read_csv(file, infer_schema=False).with_columns(pl.col("folder").fill_null(""))
    said = [name_category(name, folder) for folder, name in names.select("folder", "name").iter_rows()]
    return digest(names.with_columns(said=pl.Series([repr(each) for each in said])))


def sound_categories() -> str:
    """Categories of measurements."""
    lengths, levels, onsets = (0.05, 0.3, 2.0, 8.0), (-25.0, -14.0, -6.0), (1, 16)
    grid = list(itertools.product(lengths, (-1.0,), levels, onsets, (80.0, 900.0, 7000.0), (0.1, 0.9)))
    said = [repr(sound_category(dict(zip(MEASURED, row, strict=True)))) for row in grid]
    return digest(pl.DataFrame(grid, orient="row").with_columns(said=pl.Series(said)))


GUARDED: Final[dict[str, tuple[object, str]]] = {
    "etl.chords.analysis.ANALYSIS_VERSION": (4, "c30289c56234dfc8"),
    "etl.chords.keys.KEY_VERSIONS[trained]": (3, "ef6635508151f589"),
    "etl.chords.keys.KEY_VERSIONS[krumhansl]": (2, "89bface81d3c1924"),
    "etl.chords.section_keys.SECTION_KEYS_VERSION": (3, "9f4d8b5e251a557f"),
    "etl.pipelines.midi.request.VERSIONS[import]": ("7", "d20d343be2b109cf"),
    "etl.pipelines.midi.request.VERSIONS[analyze]": ("9", "e01f598b18fc17ae"),
    "etl.pipelines.midi.request.VERSIONS[split]": ("1", "03926703bffa20b8"),
    "etl.pipelines.midi.request.VERSIONS[sanitize]": ("2", "0da0f386d4fe464e"),
    "etl.audio.sonic.FEATURE_VERSION": (5, "02d878db46aa2dec"),
    "etl.sources.audio.tags.TAG_VERSION": (4, "9260591f46d29f73"),
    "etl.audio.short_sounds.SOUND_VERSION": (1, "3b3cc70e04989075"),
    "etl.batch.name_categories.CATEGORY_VERSION": (4, "9d99daa677344402"),
    "etl.batch.sound_categories.SOUND_CATEGORY_VERSION": (1, "d9253702394aefe2"),
}
"""Version and hash of its output, by the version's name."""

CURRENT: Final[dict[str, tuple[object, Callable[..., str]]]] = {
    "etl.chords.analysis.ANALYSIS_VERSION": (ANALYSIS_VERSION, chords),
    "etl.chords.keys.KEY_VERSIONS[trained]": (
        KEY_VERSIONS[KeyMethod.TRAINED], lambda: keys(KeyMethod.TRAINED),
    ),
    "etl.chords.keys.KEY_VERSIONS[krumhansl]": (
        KEY_VERSIONS[KeyMethod.KRUMHANSL], lambda: keys(KeyMethod.KRUMHANSL),
    ),
    "etl.chords.section_keys.SECTION_KEYS_VERSION": (SECTION_KEYS_VERSION, section_keys),
    "etl.pipelines.midi.request.VERSIONS[import]": (VERSIONS[IMPORT], midi_import),
    "etl.pipelines.midi.request.VERSIONS[analyze]": (VERSIONS[ANALYZE], midi_analysis),
    "etl.pipelines.midi.request.VERSIONS[split]": (VERSIONS[SPLIT], midi_parts),
    "etl.pipelines.midi.request.VERSIONS[sanitize]": (VERSIONS[SANITIZE], midi_names),
    "etl.audio.sonic.FEATURE_VERSION": (FEATURE_VERSION, sound),
    "etl.sources.audio.tags.TAG_VERSION": (TAG_VERSION, tags),
    "etl.audio.short_sounds.SOUND_VERSION": (SOUND_VERSION, short_sounds),
    "etl.batch.name_categories.CATEGORY_VERSION": (CATEGORY_VERSION, sample_names),
    "etl.batch.sound_categories.SOUND_CATEGORY_VERSION": (SOUND_CATEGORY_VERSION, sound_categories),
}  # fmt: skip


def test_no_version_is_left_unguarded():
    """Every version that the pipelines key their work by is here."""
    assert GUARDED.keys() == CURRENT.keys()
    assert {f"[{task.removeprefix('midi.')}]" for task in VERSIONS} <= {
        f"[{name.partition('[')[2]}" for name in GUARDED
    }
    assert len(KEY_VERSIONS) == len(KeyMethod) == 2


@pytest.mark.parametrize("name", CURRENT)
def test_output_is_that_of_the_version(name, tmp_path):
    """The same input gives the same output as long as the version is the same."""
    version, make = CURRENT[name]
    given = make(tmp_path) if make.__code__.co_argcount else make()
    guarded = GUARDED[name]
    if guarded == (version, given):
        return
    hint = f'write `"{name}": ({version!r}, "{given}")` into GUARDED'
    if guarded[0] == version:
        pytest.fail(f"the output changed under the old version: raise {name}, then {hint}")
    pytest.fail(f"{name} is {version!r} by now: {hint}")


def test_one_changed_weight_is_noticed(monkeypatch, tmp_path):
    """One unit on one weight of the key finder changes its hash, a hundredth on one that of MIDI."""
    shipped = trained_model()
    weights = shipped.weights.copy()
    weights[weights.size // 7, 0] += 1
    for module in (key_model, chord_keys):
        if hasattr(module, "trained_model"):
            monkeypatch.setattr(module, "trained_model", lambda: replace(shipped, weights=weights))
    monkeypatch.setattr("tests.test_versions.trained_model", lambda: replace(shipped, weights=weights))
    assert keys(KeyMethod.TRAINED) != GUARDED["etl.chords.keys.KEY_VERSIONS[trained]"][1]
    monkeypatch.setattr(midi_chords, "CHORD_WEIGHTS", midi_chords.CHORD_WEIGHTS + np.eye(9)[3] * 0.01)
    assert midi_analysis(tmp_path) != GUARDED["etl.pipelines.midi.request.VERSIONS[analyze]"][1]
