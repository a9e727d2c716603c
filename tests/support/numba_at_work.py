"""numba with all loaded that it loads when it first compiles; none of it is ours."""

import numba

numba.njit(lambda number: number + 1)(1)
