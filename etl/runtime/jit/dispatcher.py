"""numba's dispatcher with our cache, made once for all callers of a function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numba.core import types
from numba.core.registry import CPUDispatcher

from etl.runtime.jit.cache import CompileCache

if TYPE_CHECKING:
    from collections.abc import Callable


class KernelDispatcher(CPUDispatcher):
    """A compiled function."""

    def keep_on_disk(self, source: Callable[[], bytes], on_miss: Callable[[], None]) -> None:
        """Keep the code; the parameters are those of the cache."""
        self._cache = CompileCache(self.py_func, source, on_miss)

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """Compile for the type of a number that a caller names: numba would do it again for each number."""
        unliteral: Any = types.unliteral
        plain = {name: unliteral(kind) for name, kind in kws.items()}
        return super().get_call_template(tuple(map(unliteral, args)), plain)
