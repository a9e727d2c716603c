"""Jobs for a crew, some of which misbehave."""

from __future__ import annotations

import ctypes
import gc
import os
import pickle
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

from etl.runtime.errors import EtlError

POISON = 13


def double(number: int) -> int:
    """Double a number."""
    return 2 * number


def odd_fails(number: int) -> int:
    """Halve an even number; an odd one is refused."""
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number // 2


def add(number: int, shared: Any) -> int:
    """Add what is shared."""
    return number + int(shared)


def sleep(seconds: float) -> float:
    """Sleep."""
    time.sleep(seconds)
    return seconds


def wait_for(pair: tuple[int, threading.Event | None]) -> int:
    """Wait until the event is set, where there is one."""
    number, event = pair
    if event is not None:
        assert event.wait(30)
    return number


def process_id(_item: int) -> int:
    """Name the process."""
    return os.getpid()


def new_objects_searched(_item: int) -> int:
    """Say after how many new objects garbage is searched for."""
    return gc.get_threshold()[0]


def environment(name: str) -> str | None:
    """Give a variable of the environment."""
    return os.environ.get(name)


def is_loaded(module: str) -> bool:
    """Whether a module was there before anyone asked for it."""
    return module in sys.modules


def write_errors(text: str) -> str:
    """Write to standard error as a native library does."""
    os.write(2, text.encode())
    return text


def mark(path: str) -> NoReturn:
    """Leave a file that says which process is at it, and stay."""
    Path(path).write_text(str(os.getpid()))
    time.sleep(3600)
    raise AssertionError


def process_id_or_mark(path: str) -> int:
    """Name the process, or stay if there is a path."""
    if path:
        mark(path)
    return os.getpid()


class TwoArgumentsError(Exception):
    """An exception that pickles and does not come back."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} and {second}")


class Stubborn:
    """Something that can be pickled and not read again."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Come back as an error."""
        return (_refuse, ())


def _refuse() -> NoReturn:
    raise ValueError("stubborn")


def misbehave(item: str) -> Any:  # noqa: C901, PLR0912 - one line a misdeed
    """Do what the item says."""
    match item:
        case "crash":
            ctypes.string_at(0)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exit":
            os._exit(3)
        case "quit":
            sys.exit(4)
        case "hang":
            time.sleep(3600)
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "grow":
            block = bytearray(600_000_000)
            time.sleep(30)
            return len(block)
        case "refuse":
            raise EtlError("no audio here", "Try another file.")
        case "raise":
            raise ValueError("bad value")
        case "late":
            raise TimeoutError("its own")
        case "disk":
            raise OSError(28, "No space left on device", "song.mid")
        case "arguments":
            raise TwoArgumentsError("one", "two")
        case "panic":
            raise BaseException("native code panics")  # noqa: TRY002 - as polars does
        case "lock":
            return threading.Lock()
        case "stubborn":
            return Stubborn()
        case "pickle":
            raise pickle.PicklingError("not the pipe's")
    return item.upper()


def double_all(numbers: tuple[int, ...]) -> list[int]:
    """Double numbers; the poisonous one kills the process as the system would."""
    if POISON in numbers:
        os.kill(os.getpid(), signal.SIGKILL)
    return [2 * number for number in numbers]


def double_slowly(numbers: tuple[int, ...]) -> list[int]:
    """Double numbers; over the poisonous one the process hangs."""
    if POISON in numbers:
        time.sleep(3600)
    return [2 * number for number in numbers]
