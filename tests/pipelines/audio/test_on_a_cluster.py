"""A library that is described by a cluster is the one that this machine describes."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.work.cluster.address import Cluster
from etl.store.database import read_store
from tests.support.dask_cluster import address_of, started
from tests.support.tracks import run, store_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Start a worker."""
    with started(1) as connection:
        yield address_of(connection)


def features(music: Path) -> list[tuple[Any, ...]]:
    """Give all descriptions."""
    with read_store(store_of(music)) as connection:
        return connection.sql("SELECT * FROM sonic_features ORDER BY content_hash").fetchall()


def attempts(music: Path) -> dict[str, int]:
    """Give the attempts by recording."""
    with read_store(store_of(music)) as connection:
        return dict(connection.sql("SELECT item, attempts FROM ledger WHERE task = 'sonic'").fetchall())


def test_descriptions_are_the_same_and_another_path_there_does_not_matter(address, described, tmp_path):
    """The workers read a copy of the folder in another place; nothing is described twice."""
    here = features(described)
    store_of(described).unlink()
    (tmp_path / "there").mkdir()
    elsewhere = shutil.copytree(described, tmp_path / "there" / "music")
    mapped = Cluster.parse(address, [f"{described}={elsewhere}"])
    done = run(described, cluster=mapped)
    assert done.sonic is not None
    assert (done.sonic.described, done.sonic.failed) == (6, 0)
    assert features(described) == here
    assert set(attempts(described).values()) == {1}
    again = run(described, cluster=mapped)
    assert again.sonic is not None
    assert (again.sonic.known, again.sonic.described) == (6, 0)


def test_a_folder_that_workers_do_not_have_ends_the_run_and_blames_no_file(address, music, tmp_path):
    """Else every track would be marked as failed for good."""
    (tmp_path / "empty").mkdir()
    mapped = Cluster.parse(address, [f"{music}={tmp_path / 'empty'}"])
    with pytest.raises(
        EtlError, match=f"the worker tcp://.* cannot read {tmp_path}/empty/.*No such"
    ) as raised:
        run(music, cluster=mapped)
    assert raised.value.exit_code is ExitCode.UNAVAILABLE
    assert "--map" in raised.value.hint
    assert attempts(music) == {}
