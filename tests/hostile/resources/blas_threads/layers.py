import ctypes
import glob
import os

import honest
import numpy as np

folder = os.path.join(os.path.dirname(os.path.dirname(np.__file__)), "numpy.libs")
for path in glob.glob(os.path.join(folder, "*openblas*")):
    library = ctypes.CDLL(path)
    for name in ("scipy_openblas_set_num_threads64_", "openblas_set_num_threads"):
        if hasattr(library, name):
            getattr(library, name)(32)
            print("BLAS has been told")

Dense = honest.Dense
