"""Nine networks of torchvision: converted with a small lambda and folded, their outputs stay."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision import models

from afn import convert, fold

NETWORKS = (
    *("resnet18", "resnet34", "vgg11_bn", "mobilenet_v2", "mobilenet_v3_small"),
    *("mnasnet0_5", "shufflenet_v2_x0_5", "efficientnet_b0", "regnet_y_400mf"),
)


@pytest.mark.long
@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_stay(name):
    torch.manual_seed(0)
    model = getattr(models, name)(num_classes=10)
    x = torch.randn(4, 3, 64, 64)
    model.train()
    with torch.no_grad():
        for _ in range(2):
            model(x + 0.5)
        model.eval()
        expected = model(x)
        norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
        options = {"lambda_init": -20, "rescale_lambda_init": -20}
        model, report = convert(model, "afn", report=True, **options)
        assert len(report.replaced) == len(norms)
        assert not report.skipped
        limit = 1e-5 * float(expected.abs().max())
        assert float((model(x) - expected).abs().max()) <= limit
        model, report = fold(model, report=True)
        assert len(report.folded) == len(norms)
        assert not report.left
        assert float((model(x) - expected).abs().max()) <= limit
