"""The check of integrity: faults made on purpose are named, with what shows them; sound files are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile as sf

from etl.pipelines.audio.check import Fault, check_integrity
from etl.pipelines.audio.run import LibraryStage
from etl.store.database import read_store
from tests.support.audio_files import FORMATS, encode
from tests.support.tracks import run, store_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

RATE = 44_100


def music(seed: int, seconds: float = 6.0) -> NDArray[np.float32]:
    """Give clicks and noise of the whole band, unrelated channels, (2, n)."""
    rng = np.random.default_rng(seed)
    samples = rng.normal(0, 0.05, (2, int(seconds * RATE)))
    for beat in np.arange(0.1, seconds - 0.2, 0.5):
        first = int(beat * RATE)
        samples[:, first : first + 2000] += rng.normal(0, 0.2, 2000) * np.linspace(1, 0, 2000)
    return samples.clip(-0.9, 0.9).astype(np.float32)


def flac(path: Path, samples: NDArray[np.float32]) -> Path:
    """Write a FLAC of 16 bits."""
    sf.write(path, samples.T, RATE, subtype="PCM_16")
    return path


def cut(path: Path) -> Path:
    """Leave the first half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    """Describe a folder of one sound file of each kind, and of files with one fault each."""
    folder = tmp_path_factory.mktemp("faulty") / "music"
    folder.mkdir()
    for seed, name in enumerate(("flac", "mp3", "aac in m4a", "opus", "wav 24", "ogg flac", "wavpack")):
        ending, codec, options = FORMATS[name]
        rate = 48_000 if name == "opus" else RATE
        encode(folder / f"sound {name}.{ending}", music(seed), rate, codec, bit_rate=320_000, options=options)
    cut(flac(folder / "cut.flac", music(10)))
    cut(encode(folder / "cut.mp3", music(11), RATE, "libmp3lame"))
    cut(encode(folder / "cut.opus", music(12), 48_000, "libopus"))
    cut(encode(folder / "cut.caf", music(14), RATE, "pcm_s16be"))
    joined = encode(folder / "joined.mp3", music(13), RATE, "libmp3lame")
    joined.write_bytes(joined.read_bytes() * 2)
    wrong = flac(folder / "wrong sum.flac", music(14))
    content = bytearray(wrong.read_bytes())
    content[26 + 7] ^= 1  # in the MD5
    wrong.write_bytes(content)
    rotten = flac(folder / "rotten.flac", music(21))
    content = bytearray(rotten.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 200] = bytes(200)
    rotten.write_bytes(content)
    samples = music(15)
    samples[0, 5000] = np.nan
    sf.write(folder / "nan.wav", samples.T, RATE, subtype="FLOAT")
    samples = music(16)
    samples[:, samples.shape[1] // 3 :] = 0
    flac(folder / "silent.flac", samples)
    left = music(17)[:1]
    flac(folder / "opposite.flac", np.concatenate([left, -left]))
    flac(folder / "clipped.flac", np.clip(music(18) * 30, -1, 32_767 / 32_768))
    lossy = encode(folder.parent / "lossy.mp3", music(19), RATE, "libmp3lame")
    decoded, _ = sf.read(lossy, dtype="float32", always_2d=True)
    flac(folder / "lossy.flac", decoded.T)
    cut(encode(folder / "no index.m4a", music(20), RATE, "aac"))
    run(folder)
    return folder


def test_each_fault_is_named_and_nothing_else(faulty):
    """The faulty files have the one fault that each was given, and say what shows it; the sound ones none."""
    findings = check_integrity(store_of(faulty))
    found = {(each.item.rpartition("/")[2], each.fault): str(each.evidence) for each in findings}
    assert {pair for pair in found if pair[1] is not Fault.DAMAGED} == {
        ("cut.flac", Fault.CUT), ("cut.mp3", Fault.CUT), ("cut.opus", Fault.CUT), ("cut.caf", Fault.CUT),
        ("wrong sum.flac", Fault.CHECKSUM), ("rotten.flac", Fault.CHECKSUM), ("cut.flac", Fault.CHECKSUM),
        ("joined.mp3", Fault.LONGER), ("nan.wav", Fault.NOT_NUMBERS),
        ("silent.flac", Fault.SILENT), ("opposite.flac", Fault.OPPOSITE), ("clipped.flac", Fault.CLIPPED),
        ("lossy.flac", Fault.LOSSY), ("no index.m4a", Fault.UNDESCRIBED),
    }  # fmt: skip
    assert {name for name, fault in found if fault is Fault.DAMAGED} <= {"cut.flac", "joined.mp3", "cut.mp3"}
    assert found["lossy.flac", Fault.LOSSY].startswith(("16.", "17."))
    assert found["silent.flac", Fault.SILENT].startswith("66.")
    assert found["joined.mp3", Fault.LONGER] == "12.0 of 6.0 s"


def test_what_is_lossless_is_known_whatever_reads_the_tags(faulty):
    """The view has one column for it, also of WavPack, of which no reader of tags says so."""
    with read_store(store_of(faulty)) as connection:
        kinds = dict(connection.sql("SELECT DISTINCT kind, is_lossless FROM library").fetchall())
        columns = connection.sql("SELECT * FROM library LIMIT 0").columns
    assert kinds == {
        "flac": True, "mp3": False, "m4a": False, "opus": False, "wav": True, "ogg": True, "wv": True,
        "caf": True,
    }  # fmt: skip
    assert not [name for name in columns if name.endswith("_1")]


def test_what_was_not_examined_is_said(tmp_path):
    """A library that was scanned and not described is not called sound."""
    folder = tmp_path / "music"
    folder.mkdir()
    flac(folder / "one.flac", music(1))
    run(folder, LibraryStage.SCAN)
    (finding,) = check_integrity(store_of(folder))
    assert (finding.item, finding.fault) == ("1 track", Fault.NOT_EXAMINED)
