"""The bytes of the files beside a result."""

from __future__ import annotations

import numpy as np
import torch

from afn.training.job.record import history_csv, predictions_npz, versions


def test_sidecars_are_the_same_bytes_for_the_same_numbers():
    history = [{"epoch": 1, "loss": 0.1 + 0.2}, {"epoch": 2, "loss": float("nan")}]
    assert history_csv(history) == b"epoch,loss\n1,0.30000000000000004\n2,nan\n"
    predicted = {"running/test/clean/0": np.array([1, 2, 255])}
    assert predictions_npz(predicted) == predictions_npz(dict(predicted))


def test_predictions_round_trip(tmp_path):
    (tmp_path / "p.npz").write_bytes(
        predictions_npz({"a/test/clean/0": np.array([0, 9]), "b/test/clean/0": np.array([3])})
    )
    with np.load(tmp_path / "p.npz") as found:
        assert found["a/test/clean/0"].tolist() == [0, 9]
        assert found["a/test/clean/0"].dtype == np.uint8
    (tmp_path / "p.npz").write_bytes(predictions_npz({"a": np.array([0, 999])}))
    with np.load(tmp_path / "p.npz") as found:
        assert found["a"].tolist() == [0, 999]


def test_where_single_precision_is_less_is_said_of_a_gpu(monkeypatch):
    cuda = torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Pretended")
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    assert versions(cuda)["tf32"] == "convolutions"
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    assert versions(cuda)["tf32"] == "nowhere"
    assert "tf32" not in versions(torch.device("cpu"))
