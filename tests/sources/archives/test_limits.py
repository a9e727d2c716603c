"""What may come out of an archive, to the byte, and whose names are trusted."""

from __future__ import annotations

import pytest

from etl.runtime.limits import LIMITS, ArchiveLimits
from etl.sources.archives.limits import (
    Budget,
    CapError,
    is_archive_name,
    is_wanted,
    no_archive,
    not_read,
    unsafe_name,
)


def test_all_bytes_that_come_out_count_and_those_that_would():
    """The last byte that may come out may; one more is too many, whether taken or announced."""
    budget = Budget(ArchiveLimits(archive_bytes=100, free_bytes=1000), compressed=10)
    budget.take(60)
    budget.check(40)
    with pytest.raises(CapError, match="come out"):
        budget.check(41)
    budget.take(40)
    with pytest.raises(CapError):
        budget.take(1)


def test_an_archive_may_swell_by_its_ratio_of_what_was_read_of_it_and_little_ones_freely():
    """A bomb is told by its first bytes; what was read beyond its size does not count."""
    limits = ArchiveLimits(archive_bytes=10_000, free_bytes=50, ratio=10)
    Budget(limits, compressed=10).take(100)
    with pytest.raises(CapError, match="swells more than 10 times"):
        Budget(limits, compressed=10).take(101)
    Budget(limits, compressed=1).take(50)
    with pytest.raises(CapError):
        Budget(limits, compressed=1).take(51)
    budget = Budget(limits, compressed=100, consumed=10)
    budget.take(60)
    budget.check(40)
    with pytest.raises(CapError):
        budget.check(41)
    with pytest.raises(CapError):
        Budget(limits, compressed=10, consumed=100).take(101)


def test_members_are_counted():
    """As many as may be, and not one more."""
    budget = Budget(ArchiveLimits(members=2), compressed=10)
    budget.count_member()
    budget.count_member()
    with pytest.raises(CapError, match="more than 2 members"):
        budget.count_member()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a/b.mid", None), ("..a/b..mid", None), ("a/...", None), ("ab:c.mid", None), ("a\0.mid", "NUL"),
        ("/a.mid", "absolute"), ("\\a.mid", "absolute"), ("c:a.mid", "absolute"), ("C:/a.mid", "absolute"),
        ("", "absolute"), ("../a.mid", "out of"), ("a/../b.mid", "out of"), ("a\\..\\b.mid", "out of"),
        ("a/..", "out of"),
    ],
)  # fmt: skip
def test_a_name_that_leads_elsewhere_is_not_trusted(name, words):
    """By the separators of any system."""
    said = unsafe_name(name)
    assert said is None if words is None else words in str(said)


@pytest.mark.parametrize(
    ("name", "is_archive", "wanted"),
    [
        ("a.zip", True, True), ("A.ZIP", True, True), ("a.tar.gz", True, True), ("a.7z", True, True),
        ("a.rar", True, True), ("a.mid", False, True), ("A.MIDI", False, True), ("a.kar", False, True),
        ("a.rmi", False, True),
        ("a.txt", False, False), ("mid", False, False), ("a.mid.txt", False, False), ("zip", False, False),
    ],
)  # fmt: skip
def test_members_are_wanted_by_their_endings(name, is_archive, wanted):
    """In any letter case."""
    assert is_archive_name(name) is is_archive
    assert is_wanted(name) is wanted


def test_what_is_no_archive_is_told_by_its_first_bytes():
    """An empty file, a web page in place of a download, anything else."""
    said = {
        head: no_archive("a.zip", head) for head in (b"", b"<!DOCTYPE html>", b" <html>", b"RIFF", b"a<html>")
    }
    assert {refusal.path for refusal in said.values()} == {"a.zip"}
    assert ["web page" in refusal.reason for refusal in said.values()] == [False, True, True, False, False]
    assert "empty" in said[b""].reason
    assert not_read("song.mid") is None


def test_the_caps_are_those_of_the_documentation():
    """docs/midi.md names them."""
    caps = LIMITS.archives
    assert (caps.member_bytes, caps.free_bytes, caps.archive_bytes) == (33_554_432, 33_554_432, 2_147_483_648)
    assert (caps.ratio, caps.members) == (200, 200_000)
