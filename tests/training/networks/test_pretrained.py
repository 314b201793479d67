"""Networks from trained weights: loaded through torchvision, converted, the same for every arm."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace

import pytest
import torch
from torchvision.models import ResNet18_Weights, resnet18

from afn.backbones.resnet_imagenet import read_weights
from afn.common.errors import StudyError
from afn.study.parts.catalogue import entry
from afn.training.networks import build
from afn.training.networks.initialization import logical_parameters

DATA = SimpleNamespace(in_channels=3, num_classes=7, image_size=40)


@pytest.fixture(scope="module")
def trained():
    """A network of torchvision as if trained: every tensor has values of its own."""
    torch.manual_seed(0)
    model = resnet18()
    for name, tensor in model.state_dict().items():
        if "bn" in name or "downsample.1" in name:
            tensor.copy_(1 + 0.2 * torch.rand(tensor.shape))
    return model.eval()


@pytest.fixture(scope="module")
def file(trained, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "resnet18.pt"
    torch.save(trained.state_dict(), path)
    return path


def network(norm, weights, seed=0, data=DATA, norm_options=None, **options):
    parts = {"backbone": {"weights": str(weights), **options}, "norm": norm_options or {}}
    names = {"backbone": "resnet18_imagenet", "norm": norm}
    spec = {
        kind: {"name": names[kind], **entry(kind, names[kind]).defaults, **parts[kind]}
        for kind in names
    }
    return build.network(spec, data, seed)


def test_batchnorm_is_torchvisions_network(trained, file):
    x = torch.randn(2, 3, 40, 40)
    model = network("batch", file).eval()
    trunk = torch.nn.Sequential(*list(trained.children())[:-1], torch.nn.Flatten())
    with torch.no_grad():
        assert torch.allclose(model.features(x), trunk(x), rtol=1e-4, atol=1e-5)
        assert model(x).shape == (2, 7)
    same = network("batch", file, data=SimpleNamespace(**{**vars(DATA), "num_classes": 1000}))
    assert torch.equal(same.head.weight, trained.fc.weight)


def test_every_arm_starts_from_the_same_weights(trained, file):
    arms = {norm: network(norm, file) for norm in ("batch", "afn", "asr", "switchable")}
    fresh = network("afn", "none")
    state = trained.state_dict()
    for norm, model in arms.items():
        for path, module in model.named_modules():
            if isinstance(module, torch.nn.Conv2d):
                assert torch.equal(module.weight, state[f"{path}.weight"]), (norm, path)
        assert torch.equal(model.head.weight, arms["batch"].head.weight)
        assert torch.equal(model.head.weight, fresh.head.weight)
    for path in ("bn1", "layer2.0.downsample.1", "layer4.1.bn2"):
        layer = arms["afn"].get_submodule(path)
        new, drawn = logical_parameters(layer), logical_parameters(fresh.get_submodule(path))
        assert torch.equal(new["gamma_bias"], state[f"{path}.weight"])
        assert torch.equal(new["beta_bias"], state[f"{path}.bias"])
        assert torch.equal(layer.running_mean, state[f"{path}.running_mean"])
        assert torch.equal(layer.running_var, state[f"{path}.running_var"])
        additions = set(new) - {"gamma_bias", "beta_bias"}
        assert len(additions) >= 12
        assert all(torch.equal(new[name], drawn[name]) for name in additions)


def test_additions_follow_the_seed_and_nothing_else(file):
    first, again, other = (network("afn", file, seed) for seed in (3, 3, 4))
    a, b, c = (dict(model.named_parameters()) for model in (first, again, other))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not torch.equal(a["bn1.flat"], c["bn1.flat"])
    assert not torch.equal(a["fc.weight"], c["fc.weight"])
    assert torch.equal(a["conv1.weight"], c["conv1.weight"])


def test_a_converted_network_answers_much_as_before(trained, file):
    x = torch.randn(8, 3, 64, 64)
    with torch.no_grad():
        before = network("batch", file).eval().features(x)
        after = network("afn", file).eval().features(x)
        strange = network("afn", "none").eval().features(x)
    assert torch.corrcoef(torch.stack([before.flatten(), after.flatten()]))[0, 1] > 0.9
    assert torch.corrcoef(torch.stack([before.flatten(), strange.flatten()]))[0, 1] < 0.8


def test_names_are_torchvisions(trained, monkeypatch):
    asked = []

    def get_state_dict(self, **options):
        asked.append((self.name, options["check_hash"]))
        return trained.state_dict()

    monkeypatch.setattr(ResNet18_Weights, "get_state_dict", get_state_dict)
    found = read_weights("IMAGENET1K_V1")
    assert asked == [("IMAGENET1K_V1", True)]
    assert torch.equal(found["conv1.weight"], trained.conv1.weight)


def test_a_download_that_fails_says_where_to_put_the_file(monkeypatch):
    def get_state_dict(self, **options):
        raise OSError("no network")

    monkeypatch.setattr(ResNet18_Weights, "get_state_dict", get_state_dict)
    with pytest.raises(StudyError, match=r"resnet18-f37072fd\.pth into .*checkpoints.*local file"):
        network("afn", "IMAGENET1K_V1")


def test_what_does_not_fit_is_an_error(trained, file, tmp_path):
    with pytest.raises(StudyError, match="valid: none, IMAGENET1K_V1"):
        network("batch", tmp_path / "absent.pt")
    torch.save({"conv1.weight": torch.zeros(64, 3, 7, 7)}, tmp_path / "part.pt")
    with pytest.raises(StudyError, match=r"do not fit: .*Missing key.*layer1"):
        network("batch", tmp_path / "part.pt")
    (tmp_path / "noise.pt").write_bytes(b"not a file of torch")
    with pytest.raises(StudyError, match="no state dictionary"):
        network("batch", tmp_path / "noise.pt")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    network("batch", file, weights_sha256=digest)
    with pytest.raises(StudyError, match=digest):
        network("batch", file, weights_sha256="0" * 64)
    grey = SimpleNamespace(**{**vars(DATA), "in_channels": 1})
    with pytest.raises(StudyError, match="3 channels, not 1"):
        network("batch", file, data=grey)
    assert network("batch", "none", data=grey).conv1.in_channels == 1
