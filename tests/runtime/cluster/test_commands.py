"""What docs/scaling.md and compose.yaml have one type, run as processes of this machine."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
import yaml

from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.work.cluster.address import Cluster
from etl.runtime.work.cluster.connection import connected
from etl.runtime.work.crew import crew
from tests.support.command_line import ended_here
from tests.support.dask_cluster import commanded, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))


def on_the_page(beginning: str) -> list[str]:
    """Give the lines of the page's blocks that begin so."""
    return re.findall(rf"^ {{4,}}({beginning}.*)$", PAGE, re.MULTILINE)


def here(line: str, port: int) -> str:
    """Put this machine in place of those of the page: one thread, and no port that somebody may have."""
    for there in (r"10\.0\.0\.\d", r"0\.0\.0\.0", r"(?<=//)scheduler"):
        line = re.sub(there, "127.0.0.1", line)
    line = line.replace(":8786", f":{port}").replace("--port 8786", "").replace(":8787", ":0")
    line = re.sub(r"--nthreads \d+", "--nthreads 1", line)
    return f"{line} --port {port}" if "scheduler " in line and "dask" in line else line


@contextmanager
def made(
    lines: list[str], folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[str, list[tuple[str, int]]]]:
    """Start a scheduler and a worker; gives the address, and where they listen once the worker is there."""
    port = free_port()
    protocol = "tls" if "--protocol tls" in lines[0] else "tcp"
    scheduler = f"{protocol}://127.0.0.1:{port}"
    with commanded([here(line, port) for line in lines], folder, environment) as processes:
        with connected(Cluster.parse(scheduler)) as connection:
            assert connection is not None
            with crew(
                workers=0, cluster=connection, versions_of="etl.pipelines.versions:of_chords"
            ) as members:
                outcomes = members.map("tests.runtime.crew_jobs:double", [1, 2, 3], in_flight=3)
                assert [outcome.unwrap() for outcome in outcomes] == [2, 4, 6]
        trees = [psutil.Process(process.pid) for process in processes]
        trees += [child for process in trees for child in process.children(recursive=True)]
        listening: list[tuple[str, int]] = []
        for process in trees:
            with suppress(psutil.NoSuchProcess):  # the host of the crew is ending
                found = [each.laddr for each in process.net_connections() if each.status == "LISTEN"]
                listening += [(address.ip, address.port) for address in found]
        yield scheduler, listening


@pytest.mark.parametrize("source", ["docs/scaling.md", "compose.yaml"])
def test_a_cluster_by_the_book_works_and_listens_on_the_given_interface_alone(source, tmp_path):
    """Dask's page aside none would listen elsewhere; that one does unless it is told."""
    plain = [on_the_page("dask scheduler --host")[0], on_the_page("dask worker tcp")[0]]
    services = COMPOSE["services"]
    composed = [services["scheduler"]["command"], f"{services['worker']['command']} --host 127.0.0.1"]
    with made(plain if source.startswith("docs") else composed, tmp_path) as (_, listening):
        assert listening
        assert {host for host, _ in listening} == {"127.0.0.1"}
        assert 8787 not in {port for _, port in listening}


def test_the_compose_file_is_whole():
    """What it names is there: two workers, the scheduler first, its port on loopback, volumes, Dockerfile."""
    services = COMPOSE["services"]
    assert services["worker"]["deploy"] == {"replicas": 2}
    assert services["worker"]["depends_on"] == ["scheduler"]
    assert "//scheduler:8786" in services["worker"]["command"]
    assert services["scheduler"]["ports"] == ["127.0.0.1:8786:8786"]
    for service in services.values():
        names = [volume.rsplit(":", 2 if volume.endswith(":ro") else 1)[0] for volume in service["volumes"]]
        assert {name for name in names if not name.startswith("$")} == set(COMPOSE["volumes"])
        steps = [line.split()[0] for line in service["build"]["dockerfile_inline"].splitlines()]
        assert steps == ["FROM", "COPY", "RUN"]


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Make certificates by the page's commands; gives their folder, and the settings of the page."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("certificates")
    for line in on_the_page("openssl"):
        subprocess.run(shlex.split(line), cwd=folder, check=True, capture_output=True)
    strict = "openssl verify -x509_strict -CAfile ca.pem machine.pem"  # as Python is from 3.13 on
    subprocess.run(shlex.split(strict), cwd=folder, check=True, capture_output=True)
    exported = dict(line.split("=", 1) for line in on_the_page("export "))
    return folder, {
        name.removeprefix("export "): value.replace("$PWD", str(folder)) for name, value in exported.items()
    }


@contextmanager
def set_in_dask(environment: Mapping[str, str]) -> Iterator[None]:
    """Have Dask read its settings from this environment, as it does when a process starts."""
    import dask.config

    before = dict(os.environ)
    os.environ.update(environment)
    try:
        dask.config.refresh()
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        dask.config.refresh()


def test_with_certificates_all_of_it_is_encrypted_and_without_one_it_says_what_is_missing(
    certified, tmp_path
):
    """Made on the spot; another authority's, none and no encryption are told from one another."""
    folder, settings = certified
    lines = [*on_the_page("dask scheduler --protocol tls"), *on_the_page("dask worker tls")]
    songs = tmp_path / "songs.csv"
    songs.write_text("chords\nC F G\n")
    words = ("build", "data3", songs, "--output-dir", tmp_path / "parts", "--no-db", "--force", "--cluster")
    other = shlex.split(on_the_page("openssl")[0].replace("ca.", "other."))
    subprocess.run(other, cwd=folder, check=True, capture_output=True)
    with set_in_dask(settings), made(lines, tmp_path, settings) as (address, listening):
        assert {host for host, _ in listening} == {"127.0.0.1"}
        assert ended_here(*words, address).returncode == ExitCode.OK
        plain = ended_here(*words, address.replace("tls", "tcp"))
        assert (plain.returncode, "Give tls://" in plain.stderr) == (ExitCode.USAGE, True)
        with set_in_dask({"DASK_DISTRIBUTED__COMM__TLS__CA_FILE": str(folder / "other.pem")}):
            stranger = ended_here(*words, address)
        assert stranger.returncode == ExitCode.UNAVAILABLE
        assert "do not accept each other's certificates" in stranger.stderr
        with set_in_dask({"DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "false"}):
            plain = ended_here(*words, address.replace("tls", "tcp"))
        assert plain.returncode == ExitCode.UNAVAILABLE
        assert f"its address is {address}" in plain.stderr


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CA_FILE", None, "distributed.comm.tls.ca-file is missing"),
        ("CLIENT__CERT", None, "distributed.comm.tls.client.cert is missing"),
        ("CLIENT__KEY", "/nowhere.key", r"cannot read /nowhere\.key"),
    ],
)
def test_a_certificate_that_is_not_there_is_named(certified, monkeypatch, name, value, said):
    """With the variable to set, and before anything is asked of the network."""
    _, settings = certified
    variable = f"DASK_DISTRIBUTED__COMM__TLS__{name}"
    given = {**settings, variable: value} if value else {k: v for k, v in settings.items() if k != variable}
    monkeypatch.delenv(variable, raising=False)
    with (
        set_in_dask(given),
        pytest.raises(EtlError, match=said) as raised,
        connected(Cluster.parse("tls://127.0.0.1:1")),
    ):
        pass
    assert raised.value.exit_code is ExitCode.USAGE
    assert variable in raised.value.hint
