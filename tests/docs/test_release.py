"""A release has one number, and the changelog has its date."""

from __future__ import annotations

import re
import tomllib
from datetime import date

import etl
from tests.support.places import ROOT

CHANGELOG = ROOT.joinpath("CHANGELOG.md").read_text(encoding="utf-8")
HEADINGS = re.findall(r"^## (.*)$", CHANGELOG, re.MULTILINE)


def test_the_package_has_the_version_that_the_program_prints():
    """It is written down once, where `etl --version` reads it."""
    project = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text(encoding="utf-8"))
    assert "version" not in project["project"]
    assert project["project"]["dynamic"] == ["version"]
    path = project["tool"]["hatch"]["version"]["path"]
    assert f'__version__ = "{etl.__version__}"' in ROOT.joinpath(path).read_text(encoding="utf-8")


def test_the_changelog_begins_with_what_is_not_released_and_then_this_version():
    """A version that is not in it was raised in one place only."""
    unreleased, latest, *_ = HEADINGS
    assert unreleased == "[Unreleased]"
    assert latest.startswith(f"[{etl.__version__}] - ")


def test_releases_have_a_number_and_a_date_and_stand_newest_first():
    """As Keep a Changelog wants it."""
    form = re.compile(r"\[(\d+)\.(\d+)\.(\d+)\] - (\d{4}-\d\d-\d\d)")
    found = [form.fullmatch(heading) for heading in HEADINGS[1:]]
    assert all(found), HEADINGS
    parts = [each.groups() for each in found if each is not None]
    releases = [(tuple(map(int, number)), date.fromisoformat(day)) for *number, day in parts]
    assert releases == sorted(releases, reverse=True)
