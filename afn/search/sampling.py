"""Draw the trials of a round with Optuna, from nothing but the records of the rounds before.

In: a `Group` and the records. Out: number, origin and parameters of each trial. The study of
Optuna is made anew each time, with a seed from the group and the round: the same records give the
same proposals, after any interruption.
"""

from __future__ import annotations

import math
from typing import Any

import optuna

from afn.study.search import Group
from afn.study.seeds import stream


def propose(group: Group, number: int, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The trials of round ``number``: {number, round, drawn, params}."""
    seed = stream(0, "search", group.draw_key(number)) % 2**32
    startup = min(10, max(group.width, math.ceil(group.trials / 3)))
    drawn = "random" if group.sampler == "random" or len(records) < startup else "tpe"
    sampler = (
        optuna.samplers.RandomSampler(seed=seed)
        if drawn == "random"
        else optuna.samplers.TPESampler(seed=seed, n_startup_trials=0, constant_liar=True)
    )
    study = rebuild(group, records, sampler)
    return [
        {"number": n, "round": number, "drawn": drawn, "params": draw(study.ask(), group.space)}
        for n in group.rounds[number]
    ]


def rebuild(group: Group, records: list[dict[str, Any]], sampler: Any) -> optuna.Study:
    """An Optuna study that holds the recorded trials."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    direction = "maximize" if group.metric == "accuracy" else "minimize"
    study = optuna.create_study(direction=direction, sampler=sampler)
    finite = [r["value"] for r in records if r["value"] is not None]
    for record in sorted(records, key=lambda r: r["number"]):
        value = record["value"]
        study.add_trial(
            optuna.trial.create_trial(
                params=record["params"],
                distributions={key: distribution(group.space[key]) for key in record["params"]},
                # A diverged trial is as bad as the worst that was seen.
                value=max(finite, default=0.0) if value is None else value,
            )
        )
    return study


def distribution(domain: dict[str, Any]) -> Any:
    """A domain in Optuna's words."""
    if domain["kind"] == "categorical":
        return optuna.distributions.CategoricalDistribution(domain["choices"])
    bounds = {key: domain[key] for key in ("low", "high", "log")}
    if domain["kind"] == "float":
        return optuna.distributions.FloatDistribution(**bounds)
    return optuna.distributions.IntDistribution(**bounds, step=domain["step"])


def draw(trial: Any, space: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Parameters of one trial; numbers have four digits, so that their text is stable."""
    params: dict[str, Any] = {}
    for key, domain in space.items():
        conditions = domain.get("when", {}).items()
        if not all(params.get(other) in values for other, values in conditions):
            continue
        value = trial._suggest(key, distribution(domain))
        if domain["kind"] == "float":
            value = min(max(float(f"{value:.4g}"), domain["low"]), domain["high"])
        params[key] = value
    return params
