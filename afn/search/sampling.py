"""Draw the trials of a round, from nothing but the records of the rounds before.

In: a `SearchGroup` and the records. Out: number, origin and parameters of each trial. The study of
Optuna is made anew each time, with a seed from the group and the round: the same records give the
same proposals, after any interruption. A random value has a seed of its own, from the number of the
search, the key and the trial: trial n of two methods has the same values where both have the key.
Called by the step ``propose`` of a search.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import optuna
from optuna.trial import TrialState

from afn.common.seeds import stream
from afn.search.domains import active, rounded, with_shares
from afn.study.search.groups import SearchGroup


def propose(group: SearchGroup, number: int, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The trials of round ``number``: {number, round, drawn, params}."""
    startup = min(10, max(group.width, math.ceil(group.trials / 3)))
    learns = group.sampler in ("tpe", "gp")
    drawn = "random" if learns and len(records) < startup else group.sampler
    if drawn == "random":
        params = [random_params(group, trial) for trial in group.rounds[number]]
    elif drawn == "qmc":
        # Only these draws need scipy.
        from afn.search.sobol import points

        params = points(group, group.rounds[number])
    else:
        seed = stream(group.draw, "search", group.experiment, "round", number) % 2**32
        study = rebuild(group, records, _sampler(drawn, seed))
        params = [draw(study.ask(), group.space) for _ in group.rounds[number]]
    return [
        {"number": n, "round": number, "drawn": drawn, "params": p}
        for n, p in zip(group.rounds[number], params, strict=True)
    ]


def random_params(group: SearchGroup, trial: int) -> dict[str, Any]:
    """Random parameters of a trial, each key drawn by itself."""
    names = {key: ("search", group.experiment, "random", key, trial) for key in group.space}
    shares = {key: stream(group.draw, *own) / 2**63 for key, own in names.items()}
    return with_shares(group.space, shares)


def _sampler(drawn: str, seed: int) -> optuna.samplers.BaseSampler:
    if drawn == "tpe":
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=0, constant_liar=True)
    # The only sampler that needs torch, which nothing else here loads. One thread: another count
    # may change the last bits of a fit, and with them a proposal.
    import torch

    torch.set_num_threads(1)
    return optuna.samplers.GPSampler(seed=seed, n_startup_trials=0)


def rebuild(group: SearchGroup, records: list[dict[str, Any]], sampler: Any) -> optuna.Study:
    """An Optuna study that holds the recorded trials."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    direction: Literal["maximize", "minimize"] = (
        "maximize" if group.metric == "accuracy" else "minimize"
    )
    study = optuna.create_study(direction=direction, sampler=sampler)
    worst = _worst(group, records)
    for record in sorted(records, key=lambda r: r["number"]):
        study.add_trial(
            optuna.trial.create_trial(
                params=record["params"],
                distributions={key: distribution(group.space[key]) for key in record["params"]},
                **_seen(group, record, worst),
            )
        )
    return study


def _seen(group: SearchGroup, record: dict[str, Any], worst: float) -> dict[str, Any]:
    """State and values under which a sampler sees a trial.

    Parzen estimators rank stopped trials by how far they came, then by value, behind all complete
    ones; one that diverged has no value there and is the last. The Gaussian process knows complete
    trials only: a stopped one counts with the value at its last rung, a diverged one as the worst.
    """
    if group.halving is None or group.sampler != "tpe":
        return {"value": worst if record["state"] == "diverged" else record["value"]}
    if record["state"] == "complete":
        return {"value": record["value"], "intermediate_values": intermediate(group.rungs, record)}
    diverged = record["state"] == "diverged"
    values = {} if diverged else intermediate(group.rungs, record)
    return {"state": TrialState.PRUNED, "intermediate_values": values}


def intermediate(rungs: list[int], record: dict[str, Any]) -> dict[int, float]:
    """Epoch to value, for the rungs at which a trial had one."""
    pairs = zip(rungs, record["rung_values"], strict=False)
    return {epoch: value for epoch, value in pairs if value is not None}


def _worst(group: SearchGroup, records: list[dict[str, Any]]) -> float:
    """What a diverged trial counts as: chance, or the worst that was seen if that is worse."""
    known = [record["value"] for record in records if record["value"] is not None]
    return min([*known, group.chance()]) if group.metric == "accuracy" else max(known, default=0.0)


def distribution(domain: dict[str, Any]) -> Any:
    """A domain in Optuna's words."""
    if domain["kind"] == "categorical":
        return optuna.distributions.CategoricalDistribution(domain["choices"])
    bounds = {key: domain[key] for key in ("low", "high", "log")}
    if domain["kind"] == "float":
        return optuna.distributions.FloatDistribution(**bounds)
    return optuna.distributions.IntDistribution(**bounds, step=domain["step"])


def draw(trial: Any, space: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Parameters of one trial."""
    params: dict[str, Any] = {}
    for key, domain in space.items():
        if active(domain, params):
            params[key] = rounded(domain, trial._suggest(key, distribution(domain)))
    return params
