"""What is done to the images of a batch: the augmentations that a recipe names.

`REGISTRY` maps a name to ``"module:Class"``. It holds strings, so that only ``released`` loads
torchvision, and adding one changes no fingerprint of the others. A recipe may also name
``"package.module:Class"``.
"""

from __future__ import annotations

REGISTRY = {
    "none": "afn.training.augmentations.none:Nothing",
    "shift": "afn.training.augmentations.shift:Shift",
    "crop_flip": "afn.training.augmentations.crop_flip:CropFlip",
    "released": "afn.training.augmentations.released:Released",
}
