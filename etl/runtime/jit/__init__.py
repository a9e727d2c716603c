"""The one place where numba compiles: kernels that run without the interpreter lock and are kept on disk."""

from __future__ import annotations

from etl.runtime.jit.kernels import (
    compile_watch,
    inlined,
    inlined_with,
    kernel,
    kernel_with,
    without_matrix_products,
)

__all__ = ["compile_watch", "inlined", "inlined_with", "kernel", "kernel_with", "without_matrix_products"]
