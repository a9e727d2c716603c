"""Reading the Retry-After header.

References
----------
.. [1] RFC 9110, "HTTP Semantics", section 10.2.3: a number of seconds or an HTTP date.
"""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime

LONGEST = 7 * 24 * 3600.0
"""A week: whatever a header says, the service is probed again after that."""


def retry_after_seconds(header: str | None, *, now: float) -> float | None:
    """Read a Retry-After header [1]_.

    Parameters
    ----------
    header
        The header's value, None when it is absent.
    now
        Seconds since the epoch.

    Returns
    -------
    float or None
        Seconds to wait, 0 to ``LONGEST``; None when the header is absent or makes no sense.

    Examples
    --------
    >>> retry_after_seconds("85327", now=0)
    85327.0
    >>> retry_after_seconds("Thu, 01 Jan 1970 00:01:00 GMT", now=0)
    60.0
    >>> retry_after_seconds("soon", now=0) is None
    True
    """
    text = (header or "").strip()
    if re.fullmatch(r"[0-9]{1,18}(\.[0-9]{1,9})?", text):
        return min(float(text), LONGEST)
    try:
        when = parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError, OSError):
        return None
    return min(max(when - now, 0.0), LONGEST)
