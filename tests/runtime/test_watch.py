"""The state of a run."""

from __future__ import annotations

import json
import math
import threading
import time
from contextlib import suppress

import pytest
from hypothesis import given, strategies as st

from etl.runtime.watch.format import duration, in_lines, in_one_line
from etl.runtime.watch.progress import Stage, Watch
from etl.runtime.watch.snapshot import from_json

IMPORT = [Stage("import", "files")]


class Clock:
    """A clock that the test moves."""

    now = 1000.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


class Recorder:
    """A renderer that keeps what it is told."""

    def __init__(self) -> None:
        self.shown = 0
        self.said: list[str] = []
        self.closed = 0

    def show(self, _snapshot):
        """Count."""
        self.shown += 1

    def say(self, line):
        """Keep the line."""
        self.said.append(line)

    def close(self, _snapshot, /):
        """Count."""
        self.closed += 1


class FullDisk(Recorder):
    """A renderer that cannot write."""

    def show(self, snapshot):
        """Fail."""
        super().show(snapshot)
        raise OSError(28, "No space left on device")

    say = close = show


def test_what_threads_count_adds_up():
    """No step is lost where eight threads count and one looks."""
    watch = Watch("etl midi run", IMPORT)

    def count():
        for _ in range(5000):
            watch.advance("import", done=2, errors=1, waiting=-1, seconds=0.5)
            watch.add("import", 0.5)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        watch.snapshot()
    (stage,) = watch.snapshot().stages
    assert (stage.done, stage.errors, stage.waiting, stage.seconds) == (80_000, 40_000, -40_000, 40_000)


@given(
    st.lists(
        st.tuples(st.floats(0, 1e5), st.integers(0, 10**9), st.integers(0, 10**12)), min_size=1, max_size=20
    ),
    st.integers(0, 10**10),
    st.booleans(),
)
def test_share_and_time_left_stay_in_bounds(steps, total, by_work):
    """Never negative, never infinite, 0 s left when all is done, and no time left of nothing done."""
    clock = Clock()
    watch = Watch("run", IMPORT, clock=clock)
    watch.total("import", None if by_work else total, work=total if by_work else None)
    for seconds, done, work in steps:
        clock.now += seconds
        watch.advance("import", done=done, work=work)
        (stage,) = watch.snapshot().stages
        assert stage.share is not None
        assert 0 <= stage.share <= 1
        assert stage.eta_s is None or (stage.eta_s >= 0 and math.isfinite(stage.eta_s))
        measured = stage.done if not by_work else watch._stages["import"].work
        if measured >= total:
            assert (stage.share, stage.eta_s) == (1, 0)
        elif not measured:
            assert stage.eta_s is None
        assert in_lines(watch.snapshot())


def test_time_left_comes_from_recent_work():
    """A quarter of the files in bytes, at 10 MB a second."""
    clock = Clock()
    watch = Watch("run", IMPORT, clock=clock)
    watch.total("import", 100, work=400_000_000)
    clock.now += 200  # compiling
    for _ in range(11):
        watch.advance("import", done=1, work=10_000_000)
        (stage,) = watch.snapshot().stages
        clock.now += 1
    assert (stage.done, stage.total, stage.share) == (11, 100, 0.275)
    assert (stage.rate, stage.eta_s) == (1, 29)


def test_counting_for_a_stage_that_is_not_there_is_an_error():
    """A slip in the name must not vanish."""
    with pytest.raises(KeyError):
        Watch("run", IMPORT).advance("imprt", done=1)


def test_times_are_kept_for_any_part_of_the_run():
    """Parts that count nothing are timed as well, also when they fail."""
    clock = Clock()
    watch = Watch("run", IMPORT, clock=clock)
    with suppress(ValueError), watch.timed("write CSV"):
        clock.now += 2
        raise ValueError
    with watch.timed("import"):
        clock.now += 3
        assert watch.snapshot().stages[0].has_begun
    assert watch.seconds == {"write CSV": 2, "import": 3}
    assert watch.elapsed == 5
    assert watch.snapshot().stages[0].seconds == 3


def test_cpu_use_is_measured():
    """A busy loop uses CPU time, and never more than all cores."""
    with Watch("run", IMPORT) as watch:
        end = time.process_time() + 0.2
        while time.process_time() < end:
            pass
    assert watch.cpu >= 0.1
    assert 0 < watch.cpu_use <= 1
    assert watch.snapshot().peak_bytes > 1_000_000


def test_a_timer_shows_the_run_while_it_is_busy_and_ends_with_it():
    """Nothing is counted, yet the run is shown; afterwards no thread is left."""
    recorder = Recorder()
    before = threading.active_count()
    with Watch("run", IMPORT, [recorder]):
        deadline = time.monotonic() + 30
        while recorder.shown < 3:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert threading.active_count() == before + 1
    assert threading.active_count() == before
    assert recorder.closed == 1


def test_the_timer_ends_when_the_run_fails():
    """An error passes through, the screen is cleaned up, no thread is left."""
    recorder = Recorder()
    with pytest.raises(KeyboardInterrupt), Watch("run", IMPORT, [recorder]):
        raise KeyboardInterrupt
    assert recorder.closed == 1
    assert not any(thread.name == "etl-watch" for thread in threading.enumerate())


def test_a_renderer_that_cannot_write_ends_nothing():
    """A full disk is passed over, and the next renderer still shows the run."""
    full, recorder = FullDisk(), Recorder()
    with Watch("run", IMPORT, [full, recorder]) as watch:
        watch.refresh()
        watch.say("hello")
    assert full.shown >= 3
    assert recorder.shown >= 1
    assert (recorder.said, recorder.closed) == (["hello"], 1)


def test_texts_are_made_safe_at_the_door():
    """Control characters and line breaks never reach a renderer, wherever they come in."""
    hostile = "a\nb\x1b[2J\u202e\x9b\udcff"
    recorder = Recorder()
    watch = Watch(hostile, [Stage(hostile, hostile)], [recorder])
    watch.note(hostile)
    watch.waiting_for(hostile)
    watch.figures(name=hostile)
    watch.say(hostile)
    watch.advance(hostile, done=1)
    lines = [*in_lines(watch.snapshot()), in_one_line(watch.snapshot()), *recorder.said]
    assert all(line.isprintable() for line in lines)
    assert recorder.said == [r"a\nb\x1b[2J\u202e\x9b\udcff"]


def test_a_snapshot_survives_json():
    """What `etl status` reads is what the run wrote, up to rounding."""
    clock = Clock()
    watch = Watch("etl midi run", [*IMPORT, Stage("store", "files")], clock=clock)
    watch.total("import", 10)
    watch.figures(requests=3, requests_left=None, state="asking")
    watch.note("2 failed")
    watch.waiting_for("Spotify", until=2_000_000_000)
    for _ in range(4):
        watch.advance("import", done=1, errors=1, seconds=0.25)
        clock.now += 1
        snapshot = watch.snapshot()
    text = json.dumps(snapshot.as_json(), allow_nan=False)
    read = from_json(json.loads(text))
    assert read.stages == snapshot.stages
    assert read.as_json() == snapshot.as_json()


def test_people_are_told_what_the_run_waits_for_and_for_how_long():
    """A countdown comes from the time of the snapshot."""
    watch = Watch("etl enrich spotify", [Stage("ask", "ids")])
    watch.waiting_for("Spotify", until=time.time() + 7384)
    assert in_lines(watch.snapshot())[-1].endswith("UTC, in 2 h 3 min")
    watch.waiting_for("compiling 12 of 57 functions")
    assert in_lines(watch.snapshot())[-1] == "Waiting: compiling 12 of 57 functions"
    watch.waiting_for("Spotify", until=math.inf)
    assert "until 9999-" in in_lines(watch.snapshot())[-1]
    watch.waiting_for(None)
    assert in_lines(watch.snapshot())[-1] == "ask  0 ids"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (3599.9, "1 h 0 min"), (90_000, "25 h 0 min")],
)
def test_durations_round_without_sixty_seconds(seconds, text):
    """Sixty seconds are a minute."""
    assert duration(seconds) == text
