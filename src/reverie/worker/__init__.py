"""Takes tasks from the queue, runs the engines, writes results. Thin: the thinking is in the engines."""

import os

# One thread per replica: pools of BLAS and OpenMP on top of that would compete for the same cores, and their threads
# spin while they wait for one another. The libraries read this once, when they are loaded, so it stands before every
# import.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
