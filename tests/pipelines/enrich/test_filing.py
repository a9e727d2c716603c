"""Who is to blame for an answer: what is filed at once, what waits for proof, what is asked again."""

from __future__ import annotations

import pytest

from etl.pipelines.enrich.filing import Filing
from etl.services.contract import Answer, failed, found, gone
from etl.services.errors import AppError, BudgetSpentError, ParkedError, StoppedError
from etl.services.spotify_items import ARTIST

FOUND = found(ARTIST, "f", {"name": "A"})
GONE = gone(ARTIST, "g", "not found")
DOUBTFUL = gone(ARTIST, "d", "not found", is_certain=False)
ODD = failed(ARTIST, "o", "garbled", "no JSON")
BROKEN = failed(ARTIST, "s", "server", "500")
LOST = failed(ARTIST, "n", "network", "reset")
FOREIGN = failed(ARTIST, "w", "not the service", "a login page")
REJECTED = failed(ARTIST, "r", "rejected", "400")


def ids(answers: list[Answer]) -> str:
    """Name what answers are about."""
    return "".join(answer.id for answer in answers)


def test_what_is_found_is_filed_at_once_and_what_is_gone_once_anything_came_through():
    """A service that finds nothing may be another one."""
    filing = Filing()
    assert ids(filing.file([FOUND, GONE, REJECTED], 0)[0]) == "f"
    assert ids(filing.file([], 1)[0]) == "gr"
    assert ids(filing.file([GONE], 1)[0]) == "g"
    assert ids(filing.file([], 2)[0]) == ""


@pytest.mark.parametrize("failure", [ODD, BROKEN, LOST, FOREIGN])
def test_a_failure_is_the_ids_once_something_came_through_after_it(failure: Answer):
    """What came before it proves nothing."""
    filing = Filing()
    assert filing.file([failure], 3) == ([], [])
    assert filing.file([FOUND], 3) == ([FOUND], [])
    assert filing.file([], 4) == ([failure], [])


def test_what_may_be_gone_is_asked_again_and_is_gone_on_the_next_occasion():
    """Once in a run; a second doubt in the same run is no second occasion."""
    filing = Filing()
    ready, again = filing.file([DOUBTFUL], 1)
    assert (ids(ready), again) == ("d", [(ARTIST, "d")])
    assert ready[0].reason == "not found: not found"
    assert filing.file([DOUBTFUL], 2) == ([], [])
    assert filing.was_doubted(found(ARTIST, "d", {}))
    assert not filing.was_doubted(FOUND)
    assert not filing.was_doubted(DOUBTFUL)
    assert Filing(suspects={(ARTIST, "d")}).file([DOUBTFUL], 1) == ([DOUBTFUL], [])


def test_failures_without_any_success_prove_nothing_but_of_the_way():
    """Of a service that answers nonsense one has to ask; that an id is not there needs no proof."""
    for held, is_unproven in (([ODD], True), ([BROKEN], True), ([LOST, FOREIGN], False), ([GONE], False)):
        filing = Filing()
        filing.file(held, 0)
        assert filing.is_unproven(0) is is_unproven
        assert not filing.is_unproven(1)


@pytest.mark.parametrize(
    ("ended", "filed"),
    [
        (None, "gosr"),
        (ParkedError("Spotify", 1.0, "full"), ""),
        (AppError("refused"), ""),
        (StoppedError("stop"), "gr"),
        (BudgetSpentError("spent"), "gosr"),
    ],
)
def test_how_a_run_ends_decides_about_what_is_held_back(ended, filed):
    """No id is blamed for the way; where the service refuses the program, none for anything."""
    filing = Filing()
    filing.file([GONE, ODD, BROKEN, LOST, FOREIGN, REJECTED], 0)
    assert ids(filing.rest(ended)) == filed
    assert filing.rest(None) == []
