"""How the learning rate goes over a training: the schedules that a recipe names.

`REGISTRY` maps a name to ``"module:Class"``. It holds strings, so that adding one changes no
fingerprint of the others. A recipe may also name ``"package.module:Class"``.
"""

from __future__ import annotations

REGISTRY = {
    "constant": "afn.training.schedules.constant:Constant",
    "cosine": "afn.training.schedules.cosine:Cosine",
    "step": "afn.training.schedules.step:Step",
    "alrs": "afn.training.schedules.alrs:ALRS",
}
