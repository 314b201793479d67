"""What pyproject.toml cannot say: kernels that are compiled, and the workflow inside the wheel.

Without a compiler the installation goes on and the layers use NumPy. No flag here depends on the
machine. The workflow lies at the top of a checkout, where Snakemake looks for it; a wheel carries a
copy in ``afn/command/shipped`` (`afn.command.places`).
"""

import shutil
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_py import build_py

SHIPPED = (
    "Snakefile",
    "config.yaml",
    "studies/*.yaml",
    "profiles/*/config.yaml",
    "workflow/Snakefile",
    "workflow/rules/*.smk",
    "workflow/envs/afn.yaml",
    "workflow/report/*.rst",
)
KERNELS = Extension(
    "afn.normalization.kernels.head_kernels",
    ["afn/normalization/kernels/head_kernels.c"],
    depends=[
        f"afn/normalization/kernels/{part}_kernels.h"
        for part in ("product", "rows", "sample", "vector")
    ],
    # -g0 and -Wl,-S: no debug sections, which are most of what a compiler writes by itself.
    extra_compile_args=["-O3", "-std=gnu11", "-fno-math-errno", "-g0"],
    extra_link_args=["-Wl,-S"],
    libraries=["m"],
    optional=True,
)


class WithWorkflow(build_py):
    """Copies the workflow into the package that is built; an editable one finds it as it is."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        root = Path(__file__).parent
        target = Path(self.build_lib, "afn", "command", "shipped")
        shutil.rmtree(target, ignore_errors=True)
        for pattern in SHIPPED:
            for file in sorted(root.glob(pattern)):
                copy = target / file.relative_to(root)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, copy)


setup(ext_modules=[KERNELS], cmdclass={"build_py": WithWorkflow})
