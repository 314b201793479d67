"""Compiles every Triton kernel for an H100, on any machine: ``python -m
tests.normalization.heads.compile_triton``. Prints a line per kernel and set of switches.

Called by `test_triton` in a process of its own, where nothing is interpreted.
"""

from __future__ import annotations

import itertools

from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, compile

from afn.normalization.heads.triton_head import FEW, MANY
from afn.normalization.kernels import triton_fusion, triton_mixed, triton_switchable

KERNELS = {
    triton_fusion: ["encode", "decode", "slopes", "decoders", "encoders"],
    triton_mixed: ["batch_instance", "batch_instance_back"],
    triton_switchable: [
        *("switchable_statistics", "switchable", "switchable_sums", "switchable_back")
    ],
}
SWITCHES = [
    {"STAN": True, "RESCALE": True, "SHARED": False, "LEARNED": True, "SCALED": True},
    {"STAN": True, "RESCALE": True, "SHARED": True, "LEARNED": False, "SCALED": False},
    {"STAN": False, "RESCALE": True, "SHARED": False, "LEARNED": False, "SCALED": True},
    {"STAN": True, "RESCALE": False, "SHARED": False, "LEARNED": True, "SCALED": False},
]
REST = [
    {"MASKED": False, "RELEASED": False, "FROZEN": 0.0, "RUNNING": False},
    {"MASKED": True, "RELEASED": True, "FROZEN": 1.0, "RUNNING": True},
    {"MASKED": False, "RELEASED": True, "FROZEN": 0.3, "RUNNING": False},
]


def settings(module) -> list[dict]:
    """Every combination that a layer may ask for, more or less."""
    if module is not triton_fusion:
        return [{"M": 4, "W": 64, "EPS": 1e-5, **rest} for rest in REST[:2]]
    tiles = [dict(zip("MNW", tile[:3], strict=True)) | {"DOT": tile[3]} for tile in (FEW, MANY)]
    every = itertools.product(tiles, SWITCHES, REST)
    return [{**tile, **switches, **rest, "EPS": 1e-5} for tile, switches, rest in every]


def main() -> None:
    target = GPUTarget("cuda", 90, 32)
    for module, names in KERNELS.items():
        for name in names:
            kernel, done = getattr(module, name), set()
            for chosen in settings(module):
                signature, constants = {}, {}
                for place, parameter in enumerate(kernel.params):
                    if parameter.is_constexpr:
                        signature[parameter.name] = "constexpr"
                        constants[place,] = chosen[parameter.name]
                    else:
                        whole = parameter.name in module.SIZES
                        signature[parameter.name] = "i32" if whole else "*fp32"
                key = tuple(constants.values())
                if key not in done:
                    done.add(key)
                    compile(ASTSource(kernel, signature, constants), target=target)
            print(name, len(done))


if __name__ == "__main__":
    main()
