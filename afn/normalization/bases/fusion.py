"""What AFN, its released form and ASR share: one layer, of which each is a setting."""

from __future__ import annotations

import hashlib
import math

import torch
from torch import Tensor, nn

from afn.normalization.heads.c_head import make_head
from afn.normalization.heads.head import Fusion, Layout
from afn.normalization.passes import samples
from afn.normalization.passes.affine import (
    apply_channels,
    by_channel,
    by_instance,
    composed,
    spread,
    use_fused,
)
from afn.normalization.passes.distributed import synchronized
from afn.normalization.passes.moments import (
    channel_moments,
    differentiable_moments,
    group_moments,
    update_running,
)


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value)) if value >= 0 else math.exp(value) / (1 + math.exp(value))


class FusionNorm(nn.Module):
    """A layer whose mean, scale, gamma and beta are fused with learned functions of statistics.

    All learnable values lie in one parameter, `flat`, which is what an optimiser sees: one update
    per layer instead of twenty. `state_dict` and `logical_parameters` show them under the names of
    the paper (`stan_encoder.weight`, `gamma_bias`, `lambda_mu`, ...). Lambdas that are not learned
    are settings, not parameters.
    """

    flat: nn.Parameter

    def _build(
        self,
        num_features: int,
        *,
        stan_ratio: int,
        rescale_ratio: int,
        lambda_init: float,
        rescale_lambda_init: float | None,
        residual: str,
        shared_rescale_encoder: bool,
        standardize: bool,
        rescale: bool,
        over: str,
        encoder_dropout: float,
        eps: float,
        momentum: float | None,
        released: bool,
    ) -> None:
        name = type(self).__name__
        if num_features < 1 or stan_ratio < 1 or rescale_ratio < 1:
            raise ValueError(f"{name}: num_features and both ratios are at least 1")
        if residual not in ("learned", "fixed", "off", "zero"):
            raise ValueError(
                f"{name}: residual is {residual!r}; valid: 'learned', 'fixed', 'off', 'zero'"
            )
        if over not in ("batch", "instance"):
            raise ValueError(f"{name}: statistics_over is {over!r}; valid: 'batch', 'instance'")
        if not 0 <= encoder_dropout < 1 or eps <= 0:
            raise ValueError(f"{name}: encoder_dropout lies in [0, 1) and eps is above 0")
        c = num_features
        fused = standardize and residual != "zero"  # l = 0 leaves nothing for it to learn
        self.num_features, self.over, self.eps, self.momentum = c, over, eps, momentum
        self.encoder_dropout = encoder_dropout if fused else 0.0
        self._affine: tuple = (None, None)
        self.process_group = None
        self.initial = {
            "lambda_mu": _sigmoid(lambda_init) if released else lambda_init,
            "lambda_gamma": None if rescale_lambda_init is None else _sigmoid(rescale_lambda_init),
        }
        self.layout = Layout(
            channels=c,
            stan=max(1, c // stan_ratio) if fused else 0,
            rescale=max(1, c // rescale_ratio) if rescale else 0,
            shared=shared_rescale_encoder,
            learned=residual == "learned",
            scaled=rescale_lambda_init is not None,
        )
        frozen = {"learned": None, "fixed": _sigmoid(self.initial["lambda_mu"]), "off": 1.0}
        self.fusion = Fusion(frozen.get(residual), eps, released)
        self.head = make_head(self.layout, self.fusion)
        self.slots = self.layout.slots()
        self.flat = nn.Parameter(torch.empty(self.layout.size()))
        self.running_mean = self.running_var = None
        if momentum is not None and over == "batch":
            del self.running_mean, self.running_var
            self.register_buffer("running_mean", torch.zeros(c))
            self.register_buffer("running_var", torch.ones(c))
        self.reset_parameters()

    # ---- parameters under their own names -------------------------------------------------------

    def logical_parameters(self) -> dict[str, Tensor]:
        """Views of the learnable values, by the paper's names; writing into them is allowed."""
        flat = self.flat.detach()
        return {
            name: flat[start : start + math.prod(shape)].view(shape)
            for name, (start, shape) in self.slots.items()
        }

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw fresh values: encoders and decoders as `torch.nn.Linear` does.

        One number is taken from torch's global generator; each tensor then has a stream of its own
        that depends on that number, its name and its shape only. So layers with different options
        start equal wherever they have a tensor of the same name and shape (a decoder's bias: up to
        its range, which in Linear follows the width of the bottleneck).
        """
        root = int(torch.randint(2**62, ()))
        named = self.logical_parameters()
        for name, tensor in named.items():
            if "coder." in name:
                fan_in = named[name.replace(".bias", ".weight")].shape[1]
                key = f"{root}/{name}/{tuple(tensor.shape)}".encode()
                seed = int.from_bytes(hashlib.sha256(key).digest()[:7], "big")
                drawn = torch.empty(tensor.shape, dtype=torch.float32).uniform_(
                    -(fan_in**-0.5), fan_in**-0.5, generator=torch.Generator().manual_seed(seed)
                )
                tensor.copy_(drawn)
            elif name.startswith("lambda"):
                kind = "lambda_mu" if name in ("lambda_mu", "lambda_sigma") else "lambda_gamma"
                tensor.fill_(self.initial[kind])
            else:
                tensor.fill_(1.0 if name == "gamma_bias" else 0.0)
        if self.running_mean is not None:
            self.running_mean.zero_()
            self.running_var.fill_(1.0)

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        super()._save_to_state_dict(destination, prefix, keep_vars)
        del destination[f"{prefix}flat"]
        for name, tensor in self.logical_parameters().items():
            destination[prefix + name] = tensor

    def _load_from_state_dict(self, state_dict, prefix, *args, **kwargs):
        named = self.logical_parameters()
        missing, errors = args[2], args[4]  # (metadata, strict, missing, unexpected, errors)
        flat = self.flat.detach().clone()
        for name, (start, shape) in self.slots.items():
            given = state_dict.get(prefix + name)
            if given is None:
                missing.append(prefix + name)
            elif given.shape != named[name].shape:
                errors.append(f"{prefix}{name}: shape {tuple(given.shape)}, expected {shape}")
            else:
                flat[start : start + math.prod(shape)] = given.reshape(-1)
        own = {k: v for k, v in state_dict.items() if k.removeprefix(prefix) not in self.slots}
        own[f"{prefix}flat"] = flat
        super()._load_from_state_dict(own, prefix, *args, **kwargs)
        for name in self.slots:  # they are known, whatever the base class thinks of them
            if prefix + name in args[3]:
                args[3].remove(prefix + name)

    # ---- forward --------------------------------------------------------------------------------

    def _check(self, x: Tensor) -> None:
        if x.dim() < 2 or x.shape[1] != self.num_features:
            raise ValueError(
                f"{type(self).__name__}({self.num_features}) got an input of shape "
                f"{tuple(x.shape)}; expected (N, {self.num_features}, ...)"
            )

    def _count(self, x: Tensor, groups: int = 1) -> None:
        """Refuse statistics over a single value: their variance says nothing."""
        over = groups * x.shape[1] if self.over == "batch" else x.shape[0] * x.shape[1]
        if x.numel() < 2 * over:
            where = "the batch" if self.over == "batch" else "one sample's map"
            raise ValueError(
                f"{type(self).__name__}({self.num_features}) needs more than one value per channel "
                f"in {where} to take a variance; the input has shape {tuple(x.shape)}"
                + (f" in {groups} groups" if groups > 1 else "")
            )

    def _mask(self, x: Tensor, rows: int) -> Tensor | None:
        """Dropout factors for the statistics, from torch's global generator."""
        if not (self.training and self.encoder_dropout):
            return None
        keep = 1 - self.encoder_dropout
        mask = torch.empty((2, rows, self.num_features), device=x.device)
        return mask.bernoulli_(keep).div_(keep)

    def forward(self, x: Tensor) -> Tensor:
        self._check(x)
        if self.over == "instance":
            self._count(x)
            mask = self._mask(x, x.shape[0])
            if use_fused(x):
                moments = samples.moments(x.detach())
                return by_instance(x, moments, self.head, mask, self.flat)
            return composed(x, "instance", self.head, mask, self.flat)
        if self.training or self.test_statistics == "batch":
            groups = 1 if self.training else self._groups(x)
            self._count(x, groups)
            return self._by_batch(x) if groups == 1 else self._by_groups(x, groups)
        return self._by_running(x)

    def _by_batch(self, x: Tensor) -> Tensor:
        if self.training and self.process_group is not None:
            return synchronized(self, x)
        mask = self._mask(x, 1)
        track = self.training and self.running_mean is not None
        if use_fused(x):
            running = (self.running_mean, self.running_var, self.momentum) if track else ()
            mean, var = channel_moments(x.detach(), *running)
            return by_channel(x, mean, var, self.head, mask, self.flat)
        if track:
            mean, var = differentiable_moments(x.detach(), "batch")
            count = x.numel() // x.shape[1]
            pair = self.running_mean, self.running_var
            update_running(*pair, mean[0], var[0], count, self.momentum)
        return composed(x, "batch", self.head, mask, self.flat)

    def _by_groups(self, x: Tensor, groups: int) -> Tensor:
        if torch.is_grad_enabled() or not use_fused(x):
            return torch.cat([self._by_batch(part) for part in x.chunk(groups)])
        mean, var = group_moments(x, groups)
        count = x.numel() // mean.numel()
        a, b, _ = self.head.forward(mean, var, count, None, self.flat)
        return spread(x, mean, a, b)

    def _by_running(self, x: Tensor) -> Tensor:
        if torch.is_grad_enabled() or not use_fused(x):
            mean, var = self.running_mean, self.running_var
            a, b = self.head.coefficients(mean[None], var[None], 2, None, self.flat)
            unit = torch.ones_like(mean)
            return nn.functional.batch_norm(x, mean, unit, a[0], b[0], False, 0.0, 0.0)
        return apply_channels(x, *self._at_test())

    def test_affine(self) -> tuple[Tensor, Tensor]:
        """a, b (C,) of a * (x - running_mean) + b, what the layer is at test time with running
        statistics; computed again only when a parameter or a statistic has changed."""
        return self._at_test()[1:]

    def _at_test(self) -> tuple[Tensor, Tensor, Tensor]:
        """The running mean, and a and b of `test_affine`."""
        try:  # what Module.__getattr__ costs shows in a small layer
            flat, buffers = self._parameters["flat"], self._buffers
            mean, var = buffers["running_mean"], buffers["running_var"]
        except KeyError:  # replicas and parametrised layers keep them elsewhere
            flat, mean, var = self.flat, self.running_mean, self.running_var
        if flat.is_inference() or mean.is_inference() or var.is_inference():
            # they keep no count of changes
            return mean, *self.head.forward(mean, var, 2, None, flat)[:2]
        key = (flat.data_ptr(), flat._version, mean.data_ptr(), mean._version)
        key += (var.data_ptr(), var._version)
        if self._affine[0] != key:
            with torch.inference_mode(False), torch.no_grad():
                self._affine = key, self.head.forward(mean, var, 2, None, flat)[:2]
        return mean, *self._affine[1]

    def train(self, mode: bool = True):
        self._affine = None, None
        return super().train(mode)

    def __getstate__(self) -> dict:  # a copy has memory of its own
        return {**self.__dict__, "_affine": (None, None)}

    # ---- to read --------------------------------------------------------------------------------

    def scalars(self) -> dict[str, float]:
        """The weights of the learned parts: effective values, after the sigmoid for l_mu and
        l_sigma; l_gamma and l_beta have none."""
        named, found = self.logical_parameters(), {}
        if self.layout.stan:
            for name in ("lambda_mu", "lambda_sigma"):
                raw = named.get(name)
                found[name] = self.fusion.frozen if raw is None else _sigmoid(float(raw))
        if self.layout.rescale:
            for name in ("lambda_gamma", "lambda_beta"):
                found[name] = float(named[name]) if name in named else 1.0
        return found

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, stan={self.layout.stan}, rescale={self.layout.rescale}, "
            f"statistics_over={self.over!r}, eps={self.eps}"
        )
