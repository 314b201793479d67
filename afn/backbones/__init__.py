"""Backbones: one file per family; each is a function that takes a norm factory.

``name(norm, *, in_channels, num_classes, image_size, **options) -> nn.Module``, where
``norm(num_features)`` builds one normalisation layer. No backbone knows any norm by name, and two
networks that differ in the norm only have the same qualified names for everything else. The module
has ``features(x) -> (N, D)``, and its forward is ``head(features(x))``.

`REGISTRY` maps the name that a study file uses to ``"module:function"``. It holds strings, so that
reading it loads no torch.
"""

from __future__ import annotations

REGISTRY = {
    "convnet_small": "afn.backbones.convnet:convnet_small",
    "resnet8": "afn.backbones.resnet:resnet8",
    "vgg8": "afn.backbones.vgg:vgg8",
}
