"""How far a trained BatchNorm network moves when its layers become AFN layers.

    python -m benchmarks.conversion

Trains ResNet-8 with BatchNorm on scikit-learn's handwritten digits for some epochs, converts copies
of it with several lambdas, and prints, on the test images and before any further training, the
share of equal predictions, the accuracy, and the mean change of a logit in units of the logits'
standard deviation; mean and range over draws of the new tensors.
"""

from __future__ import annotations

import copy

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from afn import convert
from afn.backbones.resnet import resnet8
from afn.normalization import factory

SETTINGS = [(-20.0, -20.0), (-10.0, -10.0), (-5.0, -5.0), (-3.0, -5.0), (-1.0, -5.0)]
DRAWS = 10


def trained(images: Tensor, labels: Tensor, epochs: int = 8) -> nn.Module:
    """ResNet-8 with BatchNorm, trained with Adam at 1e-3 and batches of 64."""
    torch.manual_seed(0)
    model = resnet8(factory("batch"), in_channels=1, num_classes=10, image_size=8)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(epochs):
        for index in torch.randperm(len(images)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images[index]), labels[index]).backward()
            optimizer.step()
    return model.eval()


def main() -> None:
    torch.set_num_threads(1)
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    labels = torch.tensor(digits.target)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    test, train = order[:500], order[500:]
    model = trained(images[train], labels[train])
    with torch.no_grad():
        logits = model(images[test])
    accuracy = (logits.argmax(1) == labels[test]).float().mean()
    print(f"BatchNorm: accuracy {100 * accuracy:.1f} % of {len(test)} test images; {DRAWS} draws")
    print(
        f"{'lambda_init':>12}{'rescale':>9}{'equal predictions, %':>28}{'accuracy, %':>28}  change"
    )
    for lambda_init, rescale in SETTINGS:
        rows = []
        for draw in range(DRAWS):
            torch.manual_seed(draw)
            other = copy.deepcopy(model)
            other = convert(other, to="afn", lambda_init=lambda_init, rescale_lambda_init=rescale)
            with torch.no_grad():
                new = other(images[test])
            equal = 100 * (new.argmax(1) == logits.argmax(1)).float().mean()
            right = 100 * (new.argmax(1) == labels[test]).float().mean()
            rows.append((equal, right, (new - logits).abs().mean() / logits.std()))
        columns = torch.tensor(rows).T
        cells = [f"{c.mean():.1f} [{c.min():.1f}, {c.max():.1f}]".rjust(28) for c in columns[:2]]
        print(f"{lambda_init:12g}{rescale:9g}", *cells, f"  {columns[2].mean():.2g}", sep="")


if __name__ == "__main__":
    main()
