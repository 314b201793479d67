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
    "convnet": "afn.backbones.convnet:convnet",
    "convnet_small": "afn.backbones.convnet:convnet_small",
    "resnet8": "afn.backbones.resnet:resnet8",
    "resnet32": "afn.backbones.resnet:resnet32",
    "resnet56": "afn.backbones.resnet:resnet56",
    "resnet110": "afn.backbones.resnet:resnet110",
    "resnet18": "afn.backbones.resnet_small_stem:resnet18",
    "resnet34": "afn.backbones.resnet_small_stem:resnet34",
    "resnet50": "afn.backbones.resnet_small_stem:resnet50",
    "resnet18_imagenet": "afn.backbones.resnet_imagenet:resnet18_imagenet",
    "vgg8": "afn.backbones.vgg:vgg8",
    "vgg13_bn": "afn.backbones.vgg:vgg13_bn",
    "vgg16_bn": "afn.backbones.vgg:vgg16_bn",
    "vgg19_bn": "afn.backbones.vgg:vgg19_bn",
    "wrn_16_2": "afn.backbones.wide_resnet:wrn_16_2",
    "wrn_16_4": "afn.backbones.wide_resnet:wrn_16_4",
    "wrn_28_10": "afn.backbones.wide_resnet:wrn_28_10",
    "wrn_40_2": "afn.backbones.wide_resnet:wrn_40_2",
    "wrn_40_4": "afn.backbones.wide_resnet:wrn_40_4",
    "wrn_40_10": "afn.backbones.wide_resnet:wrn_40_10",
}
