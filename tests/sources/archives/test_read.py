"""Archives and folders: everything readable is read, and nothing hostile gets anywhere."""
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import gzip
import io
import random
import tarfile
import warnings
import zipfile

import py7zr
import pytest

from etl.runtime.limits import LIMITS, ArchiveLimits
from etl.sources.archives.limits import Member, Refusal
from etl.sources.archives.read import read_archive
from tests.support.midi_oracle import midi_bytes

SONG = midi_bytes([[]])


def zipped(members, *, links=()) -> bytes:
    """Make a zip of names and contents."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            if name in links:
                info.external_attr = 0o120777 << 16
            archive.writestr(info, content)
    return buffer.getvalue()


def tarred(members, mode="w:gz") -> bytes:
    """Make a tar of names and contents."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def sevened(members) -> bytes:
    """Make a 7z of names and contents."""
    buffer = io.BytesIO()
    with py7zr.SevenZipFile(buffer, "w") as archive:
        for name, content in members:
            archive.writestr(content, name)
    return buffer.getvalue()


def read(blob: bytes, name: str = "a", limits: ArchiveLimits = LIMITS.archives):
    """Give member paths with contents, and refusals by path."""
    found = list(read_archive(io.BytesIO(blob), name, len(blob), limits=limits))
    members = {entry.path: entry.blob for entry in found if isinstance(entry, Member)}
    return members, {entry.path: entry.category for entry in found if isinstance(entry, Refusal)}


MAKERS = {
    "zip": zipped,
    "tar": lambda members: tarred(members, "w"),
    "tar.gz": tarred,
    "tar.bz2": lambda members: tarred(members, "w:bz2"),
    "tar.xz": lambda members: tarred(members, "w:xz"),
    "7z": sevened,
}


@pytest.mark.parametrize("kind", MAKERS)
def test_midi_files_come_out_of_every_kind(kind):
    """MIDI members come out whole, others are passed over."""
    blob = MAKERS[kind]([("x/one.mid", SONG), ("two.MIDI", b"MThd2"), ("notes.txt", b"text")])
    assert read(blob) == ({"a!x/one.mid": SONG, "a!two.MIDI": b"MThd2"}, {})


def test_a_single_compressed_file_comes_out():
    """A .mid.gz is one file."""
    assert read(gzip.compress(SONG), "song.mid.gz")[0] == {"song.mid.gz!song.mid": SONG}


def test_archives_in_archives_are_read_to_depth_four():
    """Four levels are read, the fifth is refused."""
    blob = zipped([("deep.mid", SONG)])
    for maker in (tarred, zipped, sevened, zipped)[: LIMITS.archives.depth - 1]:
        blob = maker([("song.mid", SONG), ("inner.zip", blob)])
    members, refused = read(blob)
    assert len(members) == LIMITS.archives.depth
    assert refused == {}
    members, refused = read(zipped([("one.more.zip", blob)]))
    assert len(members) == LIMITS.archives.depth - 1
    assert list(refused.values()) == ["nested"]


HOSTILE = ["../evil.mid", "/etc/evil.mid", "C:\\evil.mid", "a/../../evil.mid", "\\evil.mid"]


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_names_that_lead_out_are_refused(kind):
    """Absolute paths, drives and .. are refused; the good member beside them is read."""
    members, refused = read(MAKERS[kind]([*((name, SONG) for name in HOSTILE), ("good.mid", SONG)]))
    assert list(members) == ["a!good.mid"]
    assert list(refused.values()) == ["unsafe"] * len(HOSTILE)


def test_links_and_devices_are_refused():
    """Neither a link in a zip nor links and devices in a tar are followed."""
    assert read(zipped([("link.mid", b"/etc/passwd")], links=["link.mid"])) == ({}, {"a!link.mid": "unsafe"})
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            info = tarfile.TarInfo(f"{kind.decode()}.mid")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    assert list(read(buffer.getvalue())[1].values()) == ["unsafe"] * 4


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar.xz", "7z"])
def test_bombs_are_dropped(kind):
    """Members of zeros that swell a thousandfold are refused, and what was read before them stands."""
    zeros = b"\0" * (LIMITS.archives.member_bytes + 1)
    members, refused = read(MAKERS[kind]([("first.mid", SONG), ("bomb.mid", zeros)]))
    assert set(members) <= {"a!first.mid"}
    assert set(refused.values()) == {"cap"}


def test_a_bomb_inside_an_archive_drops_the_archive():
    """The cap counts everything that comes out, nested archives included."""
    inner = zipped([(f"{k}.mid", b"\0" * (LIMITS.archives.member_bytes // 2)) for k in range(8)])
    _, refused = read(zipped([("inner.zip", inner)]))
    assert refused == {"a": "cap"}


def test_old_names_are_decoded():
    """Names without the UTF-8 flag are tried as UTF-8, then Shift-JIS, then Latin-1."""
    for text, encoding in (("Café", "utf-8"), ("ドラム", "shift_jis"), ("Café", "latin-1")):
        raw = text.encode(encoding) + b".mid"
        placeholder = "x" * len(raw)
        blob = zipped([(placeholder, SONG)]).replace(placeholder.encode(), raw)
        assert list(read(blob)[0]) == [f"a!{text}.mid"]


def test_encrypted_archives_are_reported():
    """What cannot be read says so."""
    buffer = io.BytesIO()
    with py7zr.SevenZipFile(buffer, "w", password="secret") as archive:  # noqa: S106
        archive.writestr(SONG, "x.mid")
    assert read(buffer.getvalue())[1] == {"a": "encrypted"}
    flagged = bytearray(zipped([("x.mid", SONG)]))
    flagged[6] |= 1
    flagged[flagged.index(b"PK\x01\x02") + 8] |= 1
    assert read(bytes(flagged))[1] == {"a!x.mid": "encrypted"}


@pytest.mark.parametrize("kind", MAKERS)
def test_damaged_archives_never_raise(kind):
    """Cut and flipped archives give members or refusals, nothing else."""
    blob = MAKERS[kind]([(f"{k}.mid", SONG * (k + 1)) for k in range(5)])
    chance = random.Random(1)
    for _ in range(60):
        damaged = bytearray(blob[: chance.randrange(8, len(blob) + 1)])
        for _ in range(3):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        read(bytes(damaged))


CAPS = {
    "member": (ArchiveLimits(member_bytes=len(SONG)), {"a!big.mid": "cap"}),
    "archive": (ArchiveLimits(archive_bytes=2 * len(SONG)), {"a": "cap"}),
    "members": (ArchiveLimits(members=1), {"a": "cap"}),
    "ratio": (ArchiveLimits(ratio=1, free_bytes=len(SONG)), {"a": "cap"}),
}


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "7z"])
@pytest.mark.parametrize("cap", CAPS)
def test_each_cap_is_given(kind, cap):
    """A member over its cap is refused alone, an archive over one of its caps from there on."""
    limits, expected = CAPS[cap]
    blob = MAKERS[kind]([("first.mid", SONG), ("big.mid", SONG + bytes(100_000))])
    members, refused = read(blob, limits=limits)
    assert set(members) <= {"a!first.mid"}
    assert refused == expected


def test_a_member_of_a_zip_is_known_by_its_first_bytes_and_no_more_of_others_is_read():
    """What goes by another name may be a song or an archive; a large film beside it costs nothing."""
    film = random.Random(1).randbytes(300_000)
    songs = [("song.dat", SONG), ("pack.bin", zipped([("x.mid", SONG)])), ("film.avi", film)]
    expected = {"a!song.dat": SONG, "a!pack.bin!x.mid": SONG}
    caps = ArchiveLimits(archive_bytes=10_000, member_bytes=5000)
    assert read(zipped(songs), limits=caps) == (expected, {})


def test_a_bomb_is_told_by_what_has_been_read_of_its_archive():
    """What lies behind it and does not swell is no excuse."""
    noise = random.Random(1).randbytes(200_000)
    blob = zipped([("bomb.mid", bytes(1_000_000)), ("noise.mid", noise)])
    limits = ArchiveLimits(ratio=50, free_bytes=1000)
    assert 1_000_000 + len(noise) < limits.ratio * len(blob)
    assert read(blob, limits=limits) == ({}, {"a": "cap"})


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_members_of_one_name_are_kept_apart(kind):
    """Both are read; the second has a number in its path, and each keeps its own name."""
    members = [("loops/x.mid", SONG), ("loops/x.mid", SONG + b"2"), ("y.mid", SONG), ("loops/x.mid", b"MThd")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns of what this is about
        blob = MAKERS[kind](members)
    found = [each for each in read_archive(io.BytesIO(blob), "a", len(blob)) if isinstance(each, Member)]
    assert [(each.path, each.name, each.blob) for each in found] == [
        ("a!loops/x.mid", "x.mid", SONG),
        ("a!loops/(2)/x.mid", "x.mid", SONG + b"2"),
        ("a!y.mid", "y.mid", SONG),
        ("a!loops/(3)/x.mid", "x.mid", b"MThd"),
    ]


def test_relatives_of_midi_and_false_archives_are_refused():
    """What a member calls itself and is not is told, in place of being passed over."""
    members = [("a.xmf", b"XMF_1.00"), ("b.zip", b"<html>"), ("c.gz", b""), ("d.txt", b"text")]
    assert read(zipped(members)) == (
        {},
        {"a!a.xmf": "unsupported", "a!b.zip": "damaged", "a!c.gz": "damaged"},
    )


def test_a_zip_that_unpacks_itself_is_read():
    """The program before the archive does not matter."""
    assert read(b"MZ" + bytes(900) + zipped([("x.mid", SONG)])) == ({"a!x.mid": SONG}, {})
