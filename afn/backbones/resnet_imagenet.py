"""torchvision's ResNet-18 with its 7x7 stem, from scratch or with trained weights."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError

import torch
from torch import Tensor, nn
from torchvision.models import ResNet18_Weights
from torchvision.models.resnet import BasicBlock, ResNet

Norm = Callable[[int], nn.Module]
HEAD = ("fc.weight", "fc.bias")


class ImageNetResNet(ResNet):
    """torchvision's network and its names, split into `features` and `head`.

    Parameters
    ----------
    norm
        ``norm(num_features)`` builds one normalisation layer.
    in_channels, num_classes
        Of the task.
    blocks
        Basic blocks per stage.
    weights, weights_sha256
        See `resnet18_imagenet`.
    """

    def __init__(
        self,
        norm: Norm,
        *,
        in_channels: int,
        num_classes: int,
        blocks: tuple[int, int, int, int],
        weights: str,
        weights_sha256: str,
    ):
        super().__init__(BasicBlock, list(blocks), num_classes=num_classes, norm_layer=norm)
        if in_channels != 3:
            if weights != "none":
                raise ValueError(f"weights {weights!r} are for 3 channels, not {in_channels}")
            self.conv1 = nn.Conv2d(in_channels, 64, 7, 2, 3, bias=False)
        self.weights, self.weights_sha256 = weights, weights_sha256

    @property
    def head(self) -> nn.Linear:
        """The last layer, under torchvision's name ``fc``."""
        return self.fc

    def maps(self, x: Tensor) -> Tensor:
        """The last maps (N, 512, h, w) of images (N, in_channels, H, W), h = ceil(H / 32)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))

    def embed(self, maps: Tensor) -> Tensor:
        """Features (N, 512) of maps (N, 512, h, w): the mean over their positions."""
        return maps.mean((2, 3))

    def features(self, x: Tensor) -> Tensor:
        """Features (N, 512): the last maps, averaged over their positions."""
        return self.embed(self.maps(x))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))

    def load_pretrained(self) -> None:
        """Put the trained weights in, except for a head of another number of classes.

        The network must have torch's BatchNorm2d, as the weights have; convert it afterwards.

        Raises
        ------
        ValueError
            For weights that cannot be read or downloaded, are damaged, or do not fit.
        """
        state = read_weights(self.weights, self.weights_sha256)
        own = self.state_dict()
        if any(key in state and state[key].shape != own[key].shape for key in HEAD):
            state = {key: value for key, value in state.items() if key not in HEAD}
        # Files from before torch 0.4.1 lack the counters, which no momentum but None needs.
        kept = {k: v for k, v in own.items() if k in HEAD or k.endswith("num_batches_tracked")}
        try:
            self.load_state_dict({**kept, **state})
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:300]
            raise ValueError(f"weights {self.weights!r} do not fit: {reason}") from None


def read_weights(weights: str, sha256: str = "") -> dict[str, Tensor]:
    """A state dictionary by torchvision's name (DEFAULT, IMAGENET1K_V1) or from a local file.

    Parameters
    ----------
    weights
        A name is downloaded, and checked, by torchvision into torch's hub folder, unless it is
        there; anything else is the path of a file that ``torch.save`` wrote.
    sha256
        Of a local file; not checked if empty.

    Raises
    ------
    ValueError
        Says what is wrong and what can be given.
    """
    names = ResNet18_Weights.__members__
    if weights in names:
        try:
            return dict(names[weights].get_state_dict(progress=False, check_hash=True))
        except (URLError, OSError, RuntimeError) as error:
            url = names[weights].url
            raise ValueError(
                f"weights {weights!r} cannot be downloaded ({error}); put {url} into "
                f"{Path(torch.hub.get_dir()) / 'checkpoints'}, or give the path of a local file"
            ) from None
    try:
        raw = Path(weights).read_bytes()
    except OSError as error:
        valid = ", ".join(["none", *names])
        raise ValueError(
            f"weights {weights!r}: {error.strerror}; valid: {valid}, or the path of a file"
        ) from None
    found = hashlib.sha256(raw).hexdigest()
    if sha256 and found != sha256:
        raise ValueError(f"weights {weights!r}: sha256 is {found}, not {sha256}")
    try:
        state = torch.load(Path(weights), map_location="cpu", weights_only=True)
        return {str(key): torch.as_tensor(value) for key, value in state.items()}
    except (pickle.UnpicklingError, RuntimeError, EOFError, AttributeError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"weights {weights!r}: no state dictionary ({reason})") from None


def resnet18_imagenet(
    norm: Norm,
    *,
    in_channels: int,
    num_classes: int,
    image_size: int,
    weights: str = "none",
    weights_sha256: str = "",
) -> ImageNetResNet:
    """torchvision's ResNet-18, 20 norms; on 224 pixels they see maps of 112, 56, 28, 14 and 7.

    ``weights`` is "none", a name that torchvision lists for this network (IMAGENET1K_V1) or the
    path of a file with such a state dictionary, which ``weights_sha256`` may pin. The function
    itself loads nothing: `ImageNetResNet.load_pretrained` does, before norms are converted.
    """
    if image_size < 33:
        raise ValueError(f"resnet18_imagenet needs images of at least 33 pixels, not {image_size}")
    return ImageNetResNet(
        norm,
        in_channels=in_channels,
        num_classes=num_classes,
        blocks=(2, 2, 2, 2),
        weights=weights,
        weights_sha256=weights_sha256,
    )
