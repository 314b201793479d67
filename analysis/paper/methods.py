"""The methods of a study as a paper tells them: from the plan, and from what was trained.

In: the loaded study. Out: named paragraphs of plain text with citations (`analysis.paper.markup`):
data, methods and training, tuning, seeds, decisions, computation. Nothing is typed by hand that a
study could contradict. Called by the command and by the answers to the checklist.
"""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import Any

from afn.study.parts.names import Factor
from analysis.display import formatting, naming
from analysis.display.formatting import listing, plain
from analysis.inputs import Inputs
from analysis.paper import deciding, references
from analysis.paper.markup import cite
from analysis.report import provenance, trained
from analysis.tables import searches

Paragraphs = dict[str, str]
"""Heading -> text."""
LIBRARIES = ("numpy", "scipy", "pandas", "statsmodels")
FIRST = (
    *("name", "epochs", "optimizer", "lr", "batch_size", "schedule", "augmentation"),
    "weight_decay",
)
"""Settings of a recipe that every reader asks for, in their order."""
SETTINGS = {"name": "algorithm", "lr": "learning rate", "weight_decay": "weight decay"}
SILENT = {"selection", "channels_last", "deterministic"}
"""Told elsewhere, or of no effect on what is learned."""
OF_OTHERS = {"momentum": ("optimizer", "sgd"), "weight_decay_on": ("weight_decay", "")}
OF_OTHERS |= {f"alrs_{key}": ("schedule", "alrs") for key in ("threshold", "ratio", "decay")}
OF_OTHERS |= {f"step_{key}": ("schedule", "step") for key in ("size", "gamma")}
"""Settings that only a value of another one asks for."""


def paragraphs(inputs: Inputs) -> Paragraphs:
    """Every paragraph of the methods, those that the study has something for."""
    found = {
        "Data": data(inputs),
        "Methods and training": training(inputs),
        "Tuning": tuning(inputs),
        "Seeds and pairing": seeds(inputs),
        "Decisions": deciding.decisions(inputs),
        "Computation": computation(inputs),
    }
    return {name: text for name, text in found.items() if text}


def data(inputs: Inputs) -> str:
    """Sizes of every task, its split, and the conditions that it is tested on."""
    found = []
    settings = {c.task: c.settings["task"] for c in inputs.study.cells()}
    tested = provenance.images(inputs)
    for task in inputs.tasks:
        prepared = inputs.prepared.get(task, {})
        title = prepared.get("title", inputs.task_name(task))
        source = cite(*references.TASKS.get(settings[task]["name"], ()))
        uses = {"train": "to train", "validation": "to validate"}
        sizes = [f"{prepared[k]:,} images {use}" for k, use in uses.items() if prepared.get(k)]
        sizes += [f"{tested[task]:,} images to test per condition"] if task in tested else []
        rows = inputs.rows(inputs.tested, task=task)
        shifted = rows.loc[rows["condition"] != "clean", ["condition", "severity"]]
        shifted = shifted.drop_duplicates()
        conditions = shifted["condition"].nunique()
        if len(shifted):
            levels = shifted.groupby("condition")["severity"].nunique().max()
            each = f", each at {formatting.small(int(levels))} severities" if levels > 1 else ""
            sizes.append(f"{formatting.count(conditions, 'shifted condition')}{each}")
        told = f": {listing(sizes)}" if sizes else ""
        found.append(f"{title}{source}{told}.")
    per_seed = inputs.study.plan.target == "data_like_these"
    found.append(
        "Every seed splits the data anew, the same for all methods."
        if per_seed
        else "The split of the data is fixed: no seed changes it."
    )
    return " ".join([*found, outcomes(inputs), selection(inputs)])


def outcomes(inputs: Inputs) -> str:
    """What a score is."""
    names = listing(naming.outcome(o) for o in inputs.outcomes)
    one = "" if len(inputs.outcomes) == 1 else "each "
    return (
        f"The metric is {inputs.study.plan.metric} on {names}, {one}averaged over its conditions."
        if set(inputs.outcomes) != {"clean"}
        else f"The metric is {inputs.study.plan.metric} on clean images."
    )


def selection(inputs: Inputs) -> str:
    """Which network of a training is tested."""
    rules = {c.settings["recipe"].get("selection", "last") for c in inputs.study.cells()}
    if rules == {"last"}:
        return "The network after the last epoch is tested; nothing was chosen on test images."
    return "The epoch was chosen on the validation split; nothing was chosen on test images."


def training(inputs: Inputs) -> str:
    """Methods, networks, what all trainings share and what differs, and how it is tested."""
    cells = inputs.study.cells()
    names = dict.fromkeys(c.settings["norm"]["name"] for c in cells)
    norms = [naming.norm(n) + cite(*references.NORMS.get(n, ())) for n in names]
    nets = dict.fromkeys(c.settings["backbone"]["name"] for c in cells)
    networks = [naming.part(n) + cite(*references.of_backbone(n)) for n in nets]
    what = f"{formatting.count(len(norms), 'normalisation')}"
    found = [
        f"We compare {what} ({listing(norms)}) in "
        f"{formatting.count(len(networks), 'network')} ({listing(networks)})."
    ]
    found += [recipe(inputs), protocols(inputs)]
    return " ".join(filter(None, found))


def recipe(inputs: Inputs) -> str:
    """The settings of the training."""
    shared, varied = trained.fixed_settings(inputs, "recipe")
    keys = [*(k for k in FIRST if k in shared), *(k for k in shared if k not in FIRST)]
    told = [
        f"{_setting(k)} {shared[k]}{_source(k, shared[k])}"
        for k in keys
        if k in FIRST or _matters(k, shared, varied)
    ]
    text = f"All trainings share these settings: {', '.join(told)}."
    if varied:
        more = listing(f"{_setting(k)} ({v})" for k, v in varied.items())
        text += f" They differ in {more}."
    return text


def _setting(key: str) -> str:
    return SETTINGS.get(key, naming.option(key))


def _matters(key: str, shared: dict[str, str], varied: dict[str, str]) -> bool:
    """Whether a setting changes anything: not one that is off, or of another schedule."""
    if key in SILENT or shared[key] in ("none", "off", "0"):
        return False
    owner, value = OF_OTHERS.get(key, ("", ""))
    return not owner or owner in varied or shared.get(owner) == value


def _source(key: str, value: str) -> str:
    works = {
        "name": references.RECIPES,
        "optimizer": references.OPTIMIZERS,
        "schedule": references.SCHEDULES,
        "augmentation": references.AUGMENTATIONS,
    }
    return cite(*works.get(key, {}).get(value, ()))


def protocols(inputs: Inputs) -> str:
    """The statistics that trained networks are tested with."""
    if len(inputs.protocols) < 2:
        only = inputs.study.protocols.get(inputs.protocols[0]) if inputs.protocols else None
        return f"Networks are tested with {naming.protocol_long('', only)}." if only else ""
    ways = listing(
        naming.protocol_long(name, inputs.study.protocols[name]) for name in inputs.protocols
    )
    return (
        f"Every trained network is tested with {ways}, which costs no training; a method that does "
        "not depend on the batch is tested once."
    )


def tuning(inputs: Inputs) -> str:
    """The searches, with their budgets; nothing where nothing was searched."""
    if not inputs.searches:
        return ""
    found = []
    for name in dict.fromkeys(s["experiment"] for s in inputs.searches):
        own = [s for s in inputs.searches if s["experiment"] == name]
        space: dict[str, dict] = {}
        for search in own:
            space |= search["space"]
        samplers = dict.fromkeys(s["sampler"] for s in own)
        how = listing(s + cite(*references.SAMPLERS.get(s, ())) for s in samplers)
        where = listing(
            f"{naming.option(Factor.parse(k).short)} ({_domain(v)})" for k, v in space.items()
        )
        metric = listing(dict.fromkeys(s["metric"] for s in own))
        found.append(
            f"In the experiment {name.replace('_', ' ')}, {where} "
            f"{'was' if len(space) == 1 else 'were'} tuned with Optuna{cite('akiba2019')}, sampler "
            f"{how}, by validation {metric}; a key that a method lacks is left out for it."
        )
        halved = any(s.get("halving") for s in own)
        if halved:
            found.append(f"Halving{cite('jamieson2016')} stopped the worse trials early.")
    found += searches.summary(inputs.searches)
    found.append("The decisions use other seeds than the searches, and the test split.")
    return " ".join(found)


def _domain(spec: dict[str, Any]) -> str:
    if spec["kind"] == "categorical":
        return ", ".join(formatting.value(plain(v)) for v in spec["choices"])
    low, high = (formatting.value(plain(spec[end])) for end in ("low", "high"))
    return f"{low} to {high}{', on a logarithmic scale' if spec.get('log') else ''}"


def seeds(inputs: Inputs) -> str:
    """How many, and what pairs the methods."""
    facts = dict(provenance.plan_facts(inputs))
    runs = provenance.runs_of(inputs)
    made, wanted = len(runs), provenance.declared(inputs)
    diverged = int((runs["status"] == "diverged").sum())
    lost = "none" if not diverged else f"{diverged:,}"
    of = f" of {wanted:,}" if made < wanted else ""
    return (
        f"Seeds: {facts['seeds']}. A seed fixes initial weights (drawn by the name of each "
        "parameter), the order of the data and the augmentation without the name of the method, so "
        "that any two methods are paired: they start equal wherever they share a layer and see the "
        f"same batches. {made:,}{of} networks were trained for the decisions; {lost} diverged (a "
        "loss that is not finite). A diverged run counts with "
        f"{facts['value of a diverged run']} and is never left out."
    )


def computation(inputs: Inputs) -> str:
    """Hardware, versions and hours."""
    hours, searched = hours_of(inputs)
    total = f"{_hours(hours)} for the networks of the decisions"
    total += f" and {_hours(searched)} for the searches" if searched else ""
    made = "; ".join(hardware(inputs))
    tools = listing(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        f"Trained with PyTorch{cite('paszke2019')}: {made}. Training took {total}, added up over "
        f"jobs, without tests and start-up. The workflow is Snakemake's{cite('molder2021')}; "
        f"decisions were computed with {tools}{cite('virtanen2020')} under Python "
        f"{platform.python_version()}."
    )


def hardware(inputs: Inputs) -> list[str]:
    """Builds and machines, each with its number of runs."""
    return [
        f"{row['runs']:,} runs with version {row['torch']} on {row['device']} ({row['processor']}, "
        f"{row['threads']} thread{'s' if row['threads'] != '1' else ''} per job)"
        for row in provenance.builds(inputs)
    ]


def hours_of(inputs: Inputs) -> tuple[float, float]:
    """Hours of training: of the runs behind decisions, and of the trials of searches."""
    runs = float(provenance.runs_of(inputs)["train_seconds"].fillna(0).sum()) / 3600
    return runs, sum(s["budget"]["train_seconds"] for s in inputs.searches) / 3600


def _hours(hours: float) -> str:
    if hours < 1:
        return f"{formatting.two_digits(60 * hours)} minutes"
    return f"{formatting.two_digits(hours)} hours"
