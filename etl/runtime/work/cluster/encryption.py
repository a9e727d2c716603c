"""What Dask's settings say of certificates, and what a connection that failed for them means.

Dask itself says neither which setting is missing nor whether it was the certificates at all
(https://distributed.dask.org/en/latest/tls.html).
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from etl.runtime.errors import EtlError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_FILES: Final = ("ca-file", "client.cert", "client.key")
_SETTING: Final = "distributed.comm.tls."
_START: Final = "Start `dask scheduler` there and `dask worker` on the machines that are to work."


def check_encryption(address: str, setting: Callable[[str, Any], Any]) -> None:
    """Make sure that Dask's settings fit an address.

    Parameters
    ----------
    address
        Of the scheduler.
    setting
        Gives a setting of Dask, or what is to stand for one that is not there: ``dask.config.get``.

    Raises
    ------
    EtlError
        If it is ``tls://`` and a certificate is missing, or ``tcp://`` and encryption is required.
    """
    if address.startswith("tcp://") and setting("distributed.comm.require-encryption", None):
        raise EtlError(
            f"Dask is set to require encryption, and {address} has none.",
            f"Give tls{address[3:]}, or unset DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION.",
            exit_code=ExitCode.USAGE,
        )
    if not address.startswith("tls://"):
        return
    for name in _FILES:
        variable = f"DASK_{_SETTING}{name}".upper().replace("-", "_").replace(".", "__")
        path = setting(f"{_SETTING}{name}", None)
        if path is None:
            if name == "client.key":  # may be in the file of the certificate
                continue
            raise EtlError(
                f"{address} needs certificates, and Dask's setting {_SETTING}{name} is missing.",
                f"Set {variable} to a PEM file; see docs/scaling.md.",
                exit_code=ExitCode.USAGE,
            )
        if "\n" not in path:  # else it is the text of a certificate
            try:
                with Path(path).open("rb"):
                    pass
            except OSError as error:
                raise EtlError(
                    f"cannot read {path}, Dask's setting {_SETTING}{name}: {error.strerror}.",
                    f"{variable} must be a PEM file; see docs/scaling.md.",
                    exit_code=ExitCode.USAGE,
                ) from error


def unreachable(address: str, error: BaseException) -> EtlError:
    """Word why no connection came about."""
    if any(isinstance(each, ssl.SSLError) or "SSLError" in str(each) for each in _causes(error)):
        return EtlError(
            f"the scheduler at {address} and this machine do not accept each other's certificates ({error}).",
            "Those of all machines must be signed by the CA of Dask's setting distributed.comm.tls.ca-file.",
            exit_code=ExitCode.UNAVAILABLE,
        )
    if any(isinstance(each, ConnectionResetError) for each in _causes(error)):
        other = f"{'tls' if address.startswith('tcp') else 'tcp'}{address[3:]}"
        return EtlError(
            f"what listens at {address} hangs up at once.",
            f"If it is a Dask scheduler, its address is {other}.",
            exit_code=ExitCode.UNAVAILABLE,
        )
    return EtlError(f"no scheduler answers at {address}.", _START, exit_code=ExitCode.UNAVAILABLE)


def without_workers(address: str) -> EtlError:
    """Word that a scheduler has no workers."""
    return EtlError(f"the scheduler at {address} has no workers.", _START, exit_code=ExitCode.UNAVAILABLE)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
