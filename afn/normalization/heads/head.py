"""The learned part of AFN: from the statistics of x to one factor and one offset per channel.

With mu, sigma the statistics, f the standardisation encoder, one decoder each (equations (2)-(8)
of arXiv 2308.03321):

    mu_hat    = l_mu * mu_dec(relu(f(mu)))                + (1 - l_mu) * mu
    sigma_hat = l_sigma * relu(sigma_dec(relu(f(sigma)))) + (1 - l_sigma) * sigma
    gamma_hat = l_gamma * sigmoid(gamma_dec(relu(phi(sigma)))) + gamma_bias
    beta_hat  = l_beta * tanh(beta_dec(relu(psi(mu))))         + beta_bias
    y = (x - mu_hat) / sigma_hat * gamma_hat + beta_hat

The layer is bound by the number of small operations, not by arithmetic. So all tensors live in one
flat vector, laid out such that one product serves all encoders and one batched product serves two
decoders. `Layout` says what lies where, under the names of the paper.
"""

from __future__ import annotations

import dataclasses
import math

import torch
from torch import Tensor

from afn.normalization.heads.interface import Factors
from afn.normalization.heads.traced import TracedHead


@dataclasses.dataclass(frozen=True)
class Layout:
    """What a layer's flat parameter vector holds.

    Parameters
    ----------
    channels
        C.
    stan, rescale
        Widths of the bottlenecks; 0 leaves that half of the layer out.
    shared
        One rescale encoder for gamma and beta instead of two.
    learned
        Whether lambda_mu and lambda_sigma are learned.
    scaled
        Whether lambda_gamma and lambda_beta exist (else the learned part is added as it is).
    """

    channels: int
    stan: int
    rescale: int
    shared: bool
    learned: bool
    scaled: bool

    @property
    def hidden(self) -> int:
        """Rows of the stacked encoders."""
        return self.stan + self.rescale * (1 if self.shared else 2)

    def blocks(self) -> list[tuple[tuple[str, ...], tuple[int, ...]]]:
        """The stacked blocks in order: logical names, shape of each (stacked along a new or the
        first dimension, which is the same in memory)."""
        c, s, r = self.channels, self.stan, self.rescale
        rescalers = ("rescale_encoder",) if self.shared else ("beta_encoder", "gamma_encoder")
        encoders = [("stan_encoder", s)] * bool(s) + [(name, r) for name in rescalers if r]
        found: list[tuple[tuple[str, ...], tuple[int, ...]]] = []
        found += [((f"{name}.weight",), (width, c)) for name, width in encoders]
        found += [((f"{name}.bias",), (width,)) for name, width in encoders]
        for width, pair in ((s, ("mu", "sigma")), (r, ("beta", "gamma"))):
            if width:
                found.append((tuple(f"{name}_decoder.weight" for name in pair), (c, width)))
                found.append((tuple(f"{name}_decoder.bias" for name in pair), (c,)))
        found.append((("beta_bias", "gamma_bias"), (c,)))
        if s and self.learned:
            found.append((("lambda_mu", "lambda_sigma"), ()))
        if r and self.scaled:
            found.append((("lambda_beta", "lambda_gamma"), ()))
        return found

    def slots(self) -> dict[str, tuple[int, tuple[int, ...]]]:
        """Logical name -> (offset, shape)."""
        found, offset = {}, 0
        for names, shape in self.blocks():
            for name in names:
                found[name] = (offset, shape)
                offset += math.prod(shape)
        return found

    def size(self) -> int:
        """Values in all: 3Cs + s + 4Cr + 2r + 6C + 4 with every part present and two rescale
        encoders; C r + r fewer with one."""
        return sum(len(names) * math.prod(shape) for names, shape in self.blocks())

    def sizes(self) -> dict[str, int]:
        """Lengths of the stacked parts, in order, as the heads slice them."""
        c, s, r, k = self.channels, self.stan, self.rescale, self.hidden
        parts = {
            "encoder": k * c,
            "encoder_bias": k,
            "stan": 2 * c * s,
            "stan_bias": 2 * c if s else 0,
            "rescale": 2 * c * r,
            "rescale_bias": 2 * c if r else 0,
            "bias": 2 * c,
            "stan_lambda": 2 if s and self.learned else 0,
            "rescale_lambda": 2 if r and self.scaled else 0,
        }
        assert sum(parts.values()) == self.size()
        return parts


@dataclasses.dataclass(frozen=True)
class Fusion:
    """How statistics enter: everything of the head that is not a parameter.

    Parameters
    ----------
    frozen
        Effective l_mu, l_sigma when they are not learned, else None. 1 means the learned statistics
        alone, whose scale is then guarded as sqrt(sigma_stan^2 + eps).
    eps
        Units of the variance inside the root, of the standard deviation outside.
    released
        sigma = sqrt(unbiased variance) + eps, as the released code has it, instead of
        sqrt(biased variance + eps).
    """

    frozen: float | None
    eps: float
    released: bool = False

    @property
    def alone(self) -> bool:
        return self.frozen == 1.0


class TorchHead(TracedHead[Tensor | None]):
    """The head in torch operations: any device, compilers, derivatives of any order.

    What the layer says beside is ``mask``: dropout factors (2, G, C) on what the standardisation
    encoder sees, or None. The one parameter is ``flat``, ordered by `Layout`.
    """

    def __init__(self, layout: Layout, fusion: Fusion) -> None:
        self.layout, self.fusion = layout, fusion
        self.parts = list(layout.sizes().values())

    def sigma(self, var: Tensor, count: int) -> Tensor:
        if self.fusion.released:
            return torch.sqrt(var * (count / (count - 1))) + self.fusion.eps
        return torch.sqrt(var + self.fusion.eps)

    def coefficients(
        self, mean: Tensor, var: Tensor, count: int, mask: Tensor | None, /, *params: Tensor
    ) -> Factors:
        """a, b of y = a * (x - mean) + b.

        Parameters
        ----------
        mean, var
            (G, C): statistics and biased variance.
        count
            How many values each was taken over.
        mask
            (2, G, C) dropout factors on what the standardisation encoder sees, or None.
        *params
            ``flat`` alone, as `Layout` orders it.

        Returns
        -------
        a, b
            (G, C) each.
        """
        (flat,) = params
        if flat.device.type in ("cpu", "cuda") and torch.is_autocast_enabled(flat.device.type):
            with torch.autocast(flat.device.type, enabled=False):
                return self._coefficients(mean, var, count, mask, flat)
        return self._coefficients(mean, var, count, mask, flat)

    def _coefficients(
        self, mean: Tensor, var: Tensor, count: int, mask: Tensor | None, flat: Tensor
    ) -> Factors:
        lay = self.layout
        c, s, r, k = lay.channels, lay.stan, lay.rescale, lay.hidden
        flat = flat.to(torch.promote_types(flat.dtype, mean.dtype))
        e, e0, d, d0, u, u0, bias, l_stan, l_rescale = torch.split_with_sizes(flat, self.parts)
        seen = torch.stack([mean.to(flat.dtype), self.sigma(var.to(flat.dtype), count)])
        if k:
            e = e.view(k, c)
            if mask is None:
                hidden = torch.relu(seen @ e.t() + e0)
            else:
                dropped = (seen * mask.to(seen.dtype)) @ e[:s].t()
                hidden = torch.relu(torch.cat([dropped, seen @ e[s:].t()], 2) + e0)
        hat = seen
        if s:
            learned = hidden[:, :, :s] @ d.view(2, c, s).mT + d0.view(2, 1, c)
            learned = torch.stack([learned[0], torch.relu(learned[1])])
            hat = self._fuse(learned, seen, l_stan)
        out = bias.view(2, 1, c)
        if r:
            h = hidden[:, :, s:]
            if not lay.shared:
                h = torch.stack([hidden[0, :, s : s + r], hidden[1, :, s + r :]])
            z = h @ u.view(2, c, r).mT + u0.view(2, 1, c)
            z = torch.stack([torch.tanh(z[0]), torch.sigmoid(z[1])])
            out = out + (l_rescale.view(2, 1, 1) * z if lay.scaled else z)
        a = out[1] / hat[1]
        b = out[0] + a * (seen[0] - hat[0])
        return a.to(mean.dtype), b.to(mean.dtype)

    def _fuse(self, learned: Tensor, seen: Tensor, raw: Tensor) -> Tensor:
        frozen = self.fusion.frozen
        if self.fusion.alone:
            return torch.stack([learned[0], torch.sqrt(learned[1].square() + self.fusion.eps)])
        if frozen is not None:
            return frozen * learned + (1 - frozen) * seen
        # sigmoid(-raw) is 1 - sigmoid(raw) without cancellation: it never reaches 0 first
        weight, rest = torch.sigmoid(raw).view(2, 1, 1), torch.sigmoid(-raw).view(2, 1, 1)
        return weight * learned + rest * seen
