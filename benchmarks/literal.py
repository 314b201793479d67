"""AFN and ASRNorm, equation by equation, with autograd: slow, and easy to compare with the paper.

The tests hold the fast layers against it, the benchmarks show what their speed is worth. It shares
no code with them; the names of its tensors are theirs, so that its state_dict fits both.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class LiteralAFN(nn.Module):
    """Equations (2)-(8) of arXiv 2308.03321 on (N, C, ...); options as in `afn.AFN2d`.

    ``released``: sigma = sqrt(unbiased variance) + eps. ``scaled=False``: gamma and beta without
    l_gamma and l_beta (ASRNorm from scratch).
    """

    def __init__(
        self,
        channels: int,
        *,
        stan_ratio: int = 2,
        rescale_ratio: int = 16,
        lambda_init: float = -3.0,
        rescale_lambda_init: float = -5.0,
        residual: str = "learned",
        shared_rescale_encoder: bool = False,
        standardize: bool = True,
        rescale: bool = True,
        statistics_over: str = "batch",
        eps: float = 1e-5,
        momentum: float = 0.1,
        released: bool = False,
        scaled: bool = True,
    ):
        super().__init__()
        self.standardize = standardize and residual != "zero"
        self.rescale, self.residual, self.over = rescale, residual, statistics_over
        self.eps, self.momentum, self.released = eps, momentum, released
        s, r = max(1, channels // stan_ratio), max(1, channels // rescale_ratio)
        if self.standardize:
            self.stan_encoder = nn.Linear(channels, s)
            self.mu_decoder = nn.Linear(s, channels)
            self.sigma_decoder = nn.Linear(s, channels)
            if residual == "learned":
                self.lambda_mu = nn.Parameter(torch.tensor(float(lambda_init)))
                self.lambda_sigma = nn.Parameter(torch.tensor(float(lambda_init)))
            self.frozen = torch.sigmoid(torch.tensor(float(lambda_init), dtype=torch.float64))
            if released:
                self.frozen = torch.sigmoid(self.frozen)
        if rescale:
            for name in ("rescale",) if shared_rescale_encoder else ("gamma", "beta"):
                setattr(self, f"{name}_encoder", nn.Linear(channels, r))
            self.gamma_decoder = nn.Linear(r, channels)
            self.beta_decoder = nn.Linear(r, channels)
            if scaled:
                start = torch.sigmoid(torch.tensor(float(rescale_lambda_init)))
                self.lambda_gamma = nn.Parameter(start.clone())
                self.lambda_beta = nn.Parameter(start.clone())
        self.gamma_bias = nn.Parameter(torch.ones(channels))
        self.beta_bias = nn.Parameter(torch.zeros(channels))
        if statistics_over == "batch" and not released:
            self.register_buffer("running_mean", torch.zeros(channels))
            self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor, test_statistics: str = "running") -> Tensor:
        dims = list(range(2, x.dim())) if self.over == "instance" else [0, *range(2, x.dim())]
        shape = [1 if i in dims else n for i, n in enumerate(x.shape)]
        if self.training or test_statistics == "batch" or not hasattr(self, "running_mean"):
            mu = x.mean(dims)
            var = x.var(dims, correction=1 if self.released else 0)
            if self.training and hasattr(self, "running_mean"):
                with torch.no_grad():
                    count = x.numel() // x.shape[1]
                    unbiased = var * count / (count - 1)
                    self.running_mean += self.momentum * (mu - self.running_mean)
                    self.running_var += self.momentum * (unbiased - self.running_var)
        else:
            mu, var = self.running_mean, self.running_var
        sigma = torch.sqrt(var) + self.eps if self.released else torch.sqrt(var + self.eps)

        mu_hat, sigma_hat = mu, sigma
        if self.standardize:
            mu_stan = self.mu_decoder(torch.relu(self.stan_encoder(mu)))  # (2)
            sigma_stan = torch.relu(self.sigma_decoder(torch.relu(self.stan_encoder(sigma))))
            if self.residual == "off":
                mu_hat, sigma_hat = mu_stan, torch.sqrt(sigma_stan**2 + self.eps)
            else:
                l_mu = l_sigma = self.frozen.to(mu.dtype)
                if self.residual == "learned":
                    l_mu, l_sigma = torch.sigmoid(self.lambda_mu), torch.sigmoid(self.lambda_sigma)
                mu_hat = l_mu * mu_stan + (1 - l_mu) * mu  # (3)
                sigma_hat = l_sigma * sigma_stan + (1 - l_sigma) * sigma  # (4)
        x_bar = (x - mu_hat.view(shape)) / sigma_hat.view(shape)  # (5)

        gamma_hat, beta_hat = self.gamma_bias.expand_as(mu), self.beta_bias.expand_as(mu)
        if self.rescale:
            shared = getattr(self, "rescale_encoder", None)
            phi, psi = shared or self.gamma_encoder, shared or self.beta_encoder
            gamma = torch.sigmoid(self.gamma_decoder(torch.relu(phi(sigma))))
            beta = torch.tanh(self.beta_decoder(torch.relu(psi(mu))))
            gamma_hat = getattr(self, "lambda_gamma", 1.0) * gamma + gamma_hat  # (6)
            beta_hat = getattr(self, "lambda_beta", 1.0) * beta + beta_hat  # (7)
        return x_bar * gamma_hat.view(shape) + beta_hat.view(shape)  # (8)
