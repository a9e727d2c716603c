"""What a user writes for a cluster and for the folders of its machines."""

from __future__ import annotations

import os

import pytest

from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.work.cluster.address import Cluster


@pytest.mark.parametrize(
    "address", ["tcp://10.0.0.1:8786", "tls://node-1.example.org:443", "tcp://[fe80::1]:8786", "local:16"]
)
def test_addresses_are_taken_as_they_are(address):
    """Dask's own, and workers on this machine."""
    assert Cluster.parse(address).address == address


@pytest.mark.parametrize(
    "address", ["", "10.0.0.1:8786", "http://a:1", "tcp://a", "tcp://a:b", "local:0", "local", "local:-1"]
)
def test_what_is_no_address_is_a_usage_error(address):
    """The words name what would be one."""
    with pytest.raises(EtlError, match="is not a cluster") as raised:
        Cluster.parse(address)
    assert raised.value.exit_code is ExitCode.USAGE
    assert "tcp://" in raised.value.hint


@pytest.mark.parametrize("text", ["", "=", "/music", "/music=", "music=/mnt", "/music=mnt"])
def test_what_is_no_map_is_a_usage_error(text):
    """Both sides are absolute paths."""
    with pytest.raises(EtlError, match="is not a map"):
        Cluster.parse("local:1", [text])


def test_the_deepest_folder_maps_and_only_whole_names_do():
    """A folder whose name begins alike is another one; paths are absolute for workers."""
    cluster = Cluster.parse("local:1", ["/a=/x", "/a/b/=/y/", "/=/root"])
    assert cluster.there("/a/c.flac") == "/x/c.flac"
    assert cluster.there("/a/b/c.flac") == "/y/c.flac"
    assert cluster.there("/ab/c.flac") == "/root/ab/c.flac"
    assert cluster.there("/a") == "/x"
    assert Cluster.parse("local:1").there("song.mid") == os.path.abspath("song.mid")  # noqa: PTH100


@pytest.mark.parametrize("name", ["a=b", " x ", "é\n", "\udcff.flac", "..."])
def test_names_stay_whatever_is_in_them(name):
    """Equals signs, blanks, letters of any script."""
    assert Cluster.parse("local:1", ["/m=/n"]).there(f"/m/{name}") == f"/n/{name}"
