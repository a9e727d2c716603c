"""The progress line."""

from __future__ import annotations

import io

import pytest

from etl.runtime import progress as progress_module
from etl.runtime.meter import Meter
from etl.runtime.progress import Progress, duration


class Clock:
    """A clock that the test moves."""

    now = 1000.0

    def monotonic(self) -> float:
        """Tell the time."""
        return self.now


class Terminal(io.StringIO):
    """A stream that calls itself a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.fixture
def clock(monkeypatch):
    """Stop the clock."""
    clock = Clock()
    monkeypatch.setattr(progress_module, "time", clock)
    monkeypatch.setattr(Meter, "elapsed", property(lambda _: clock.now - 1000.0))
    return clock


def test_terminal_has_one_line_that_is_rewritten_and_wiped(clock):
    """Nothing in the first two seconds, then one line five times a second, nothing left at the end."""
    stream = Terminal()
    with Progress("songs", total=1000, stream=stream) as progress:
        for _ in range(50):
            clock.now += 0.1
            progress.advance(items=10, work=10)
            assert bool(stream.getvalue()) == (clock.now >= 1001.95)
        drawn = stream.getvalue().split("\r\x1b[K")
        assert drawn[0] == ""
        assert 10 <= len(drawn) - 1 <= 16
        assert drawn[-1].startswith("500 songs  50%  100 songs/s  CPU ")
        assert drawn[-1].endswith("ETA 5 s")
        assert "\n" not in stream.getvalue()
    assert stream.getvalue().endswith("\r\x1b[K")


def test_log_has_a_line_every_ten_seconds_without_control_characters(clock):
    """A redirected stream gets whole lines."""
    stream = io.StringIO()
    with Progress("songs", total=0, stream=stream) as progress:
        for _ in range(60):
            clock.now += 1
            progress.advance(items=2000)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 6
    assert "\r" not in stream.getvalue()
    assert lines[0].startswith("4,000 songs  2,000 songs/s  CPU ")
    assert "ETA" not in stream.getvalue()


def test_quick_run_says_nothing(clock):
    """Under two seconds there is no line to wipe."""
    stream = Terminal()
    with Progress("songs", total=10, stream=stream) as progress:
        clock.now += 1
        progress.advance(items=1, work=10)
    assert stream.getvalue() == ""


def test_time_left_never_goes_below_zero_and_share_never_above_one(clock):
    """More work than was foreseen is no negative time."""
    with Progress("songs", total=10, stream=io.StringIO()) as progress:
        clock.now += 5
        assert "ETA" not in progress.line()
        progress.advance(items=1, work=20)
        assert "100%" in progress.line()
        assert progress.line().endswith("ETA 0 s")


def test_note_is_shown(clock):
    """A pipeline may add a word."""
    with Progress("songs", stream=io.StringIO()) as progress:
        clock.now += 1
        progress.note = "3 failed"
        assert progress.line().endswith("3 failed")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (3599.9, "1 h 0 min"), (90_000, "25 h 0 min")],
)
def test_durations_round_without_sixty_seconds(seconds, text):
    """Sixty seconds are a minute."""
    assert duration(seconds) == text
