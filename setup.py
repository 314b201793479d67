"""The one part that pyproject.toml cannot say: kernels that are compiled where a compiler is.

Without one the installation goes on and the layers use NumPy. No flag here depends on the machine.
"""

from setuptools import Extension, setup

KERNELS = Extension(
    "afn.normalization.kernels.head_kernels",
    ["afn/normalization/kernels/head_kernels.c"],
    depends=[
        f"afn/normalization/kernels/{part}_kernels.h"
        for part in ("product", "rows", "sample", "vector")
    ],
    extra_compile_args=["-O3", "-std=gnu11", "-fno-math-errno"],
    libraries=["m"],
    optional=True,
)

setup(ext_modules=[KERNELS])
