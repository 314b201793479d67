"""The study file: what can be written in it, and what each key means.

In: the mapping that YAML gives. Out: a `StudyFile` in which every key is known and every value has
its type; names and options are checked later, by the grid. The JSON schema that editors use is
exported from here (``python -m afn.study schema``).
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from afn.study.search.halving import check_trials
from afn.study.waves.schedule import Seeds, SeedsInWaves

Part = str | dict[str, Any]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=80)]
Percent = Annotated[float, Field(ge=0, le=100)]
BatchSize = Annotated[int, Field(ge=1, le=1_000_000)]


def _word(value: object) -> object:
    """A truth value among levels names what is off or on: YAML 1.1 and JSON have no bare word."""
    return {False: "off", True: "on"}[value] if isinstance(value, bool) else value


class Strict(BaseModel):
    # Strict: text is no number and no truth value, and a truth value is no number.
    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, strict=True
    )


class Protocol(Strict):
    """How a trained run is tested."""

    statistics: Literal["running", "batch"]
    """running: those kept while training; batch: those of the test batch itself."""
    batch_size: BatchSize | None = None
    """Images per test batch; needed for batch statistics, meaningless for running ones."""
    order: Literal["shuffled", "sorted"] | None = None
    """Of the images of a condition: shuffled (the default, fixed by a seed) or sorted by class."""
    conditions: Annotated[list[str], Field(min_length=1)] | None = None
    """Test only these: clean, shift, severity_5, a condition or domain by name (default all)."""

    @field_validator("order")
    @classmethod
    def _default_has_one_form(cls, order: str | None) -> str | None:
        # A specification that names the default would be another one than that which leaves it out.
        return None if order == "shuffled" else order

    @model_validator(mode="after")
    def _size_belongs_to_batch(self) -> Protocol:
        if self.statistics == "batch" and self.batch_size is None:
            raise ValueError("batch statistics need a batch_size")
        if self.statistics == "running" and self.batch_size is not None:
            raise ValueError("running statistics do not depend on a batch_size: remove it")
        if self.statistics == "running" and self.order is not None:
            raise ValueError("running statistics do not depend on the order: remove it")
        return self


class ProtocolSweep(Strict):
    """Batch statistics at several sizes and orders of the test batch, added to the protocols."""

    batch_sizes: Annotated[list[BatchSize], Field(min_length=1, max_length=100)] = Field(
        default_factory=lambda: [1, 8, 32, 128, 256]
    )
    orders: Annotated[list[Literal["shuffled", "sorted"]], Field(min_length=1)] = Field(
        default_factory=lambda: ["shuffled", "sorted"]  # type: ignore[arg-type]
    )
    conditions: Annotated[list[str], Field(min_length=1)] | None = None
    """As in a protocol. Default: clean and the highest severity; for a task without severities,
    such as domains, clean and all shifted conditions."""
    experiments: Annotated[list[str], Field(min_length=1)] | None = None
    """Whose cells are tested this way; default all."""


class Base(Strict):
    """What every experiment starts from: a name, or a mapping of a name and its options."""

    task: Part
    backbone: Part
    norm: Part = "batch"
    recipe: Part = "plain"


class Halving(Strict):
    """Successive halving: the trials of a round train a little, and only the best go on."""

    factor: Annotated[int, Field(ge=2)] = 3
    """The best 1/factor of the trials go on; each rung trains factor times as long."""
    rungs: Annotated[int, Field(ge=2, le=10)] = 3
    """How often trials are scored; the last rung is the whole training."""


class Finalists(Strict):
    """The best trials of a search are trained again before one of them is chosen."""

    count: Annotated[int, Field(ge=2, le=1000)] = 3
    """So many of the best trials."""
    seeds: Annotated[int, Field(ge=1, le=1000)] = 2
    """Further seeds of each; in repeated searches each has a validation split of its own."""


class Search(Strict):
    """A search of nuisance parameters before the runs that are compared."""

    space: Annotated[dict[str, Any], Field(min_length=1)]
    """part.option: [choices], {log: [a, b]}, {uniform: [a, b]} or {int: [a, b], log:, step:};
    with when: {another key: value}, only where that key has the value."""
    trials: Annotated[int, Field(ge=1, le=1000)]
    """Trials of each search."""
    width: Annotated[int, Field(ge=1, le=1000)] = 4
    """Trials of one round, trained side by side."""
    sampler: Literal["tpe", "gp", "qmc", "random"] = "tpe"
    """How trials are drawn: Parzen estimators, a Gaussian process, Sobol points, at random."""
    metric: Literal["accuracy", "loss"] = "accuracy"
    """On the validation split, under the study's first protocol."""
    seeds: Annotated[int, Field(ge=1, le=1000)] = 1
    """Seeds per trial; never those of the study."""
    per: list[str] = Field(default_factory=list)
    """One search, with the same budget, per combination of these factors."""
    halving: Halving | None = None
    """Stop the worse trials of each round early."""
    finalists: Finalists | None = None
    """Train the best trials again, with further seeds, before one of them is chosen."""
    repeats: Annotated[int, Field(ge=1, le=100)] = 1
    """Searches of each method, paired between methods: search r of every method has the same
    validation split, trial seeds and random proposals. One is one draw of a noisy choice; from
    two on, the search is the unit of the decisions."""
    final_seeds: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Seeds with which each winner is trained, of repeated searches. Default: those of the study,
    shared out; beyond them the next whole numbers."""
    seed: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Of the searches: another one gives other splits, trial seeds and random proposals."""

    @model_validator(mode="after")
    def _one_round(self) -> Search:
        if self.trials < self.width:
            raise ValueError(f"trials ({self.trials}) are fewer than width ({self.width})")
        if self.finalists and self.finalists.count > self.trials:
            raise ValueError(
                f"finalists.count ({self.finalists.count}) are more than trials ({self.trials})"
            )
        if self.repeats == 1 and self.final_seeds is not None:
            raise ValueError(
                "final_seeds are those of each of several searches: give repeats, or leave it out "
                "(the winner of one search is trained with the seeds of the study)"
            )
        if self.halving:
            check_trials(self.trials, self.width, self.halving.factor, self.halving.rungs)
        return self


class Experiment(Strict):
    """A named set of factors over the base, with what it is meant to decide."""

    factors: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field(default_factory=dict)
    """What varies: task, backbone, norm, recipe, or an option of one (``norm.lambda_init``)."""
    contrasts: list[Annotated[list[str], Field(min_length=2, max_length=2)]] = Field(
        default_factory=list
    )
    """Pairs [a, b] of arms (norm or norm@protocol): a minus b is decided."""
    trend: str | None = None
    """An ordered numeric factor whose trend is tested."""
    analysis: Literal["factorial"] | None = None
    """factorial: analysis of variance over the factors, blocked by seed."""
    search: Search | None = None
    """Choose some settings of each cell (or group of cells) on the validation split first."""
    where_applicable: bool = False
    """Drop an option where a norm lacks it, instead of calling that an error."""

    @field_validator("factors", mode="before")
    @classmethod
    def _words(cls, factors: object) -> object:
        if not isinstance(factors, dict):
            return factors
        return {
            k: [_word(v) for v in vs] if isinstance(vs, list) else vs for k, vs in factors.items()
        }


class Plan(Strict):
    """What is decided and how, declared before any result exists."""

    metric: Literal["accuracy"] = "accuracy"
    outcomes: Annotated[list[str], Field(min_length=1)] = Field(default_factory=lambda: ["clean"])
    """Means over test conditions: clean, shift, severity_3, the name of a condition or domain."""
    alpha: Annotated[float, Field(ge=1e-6, lt=0.5)] = 0.05
    margin: Annotated[float, Field(ge=1e-6, le=100)] = 1.0
    """Equivalence margin in points: smaller differences do not matter to you."""
    estimand: Literal["these_backbones", "population_of_backbones"] = "these_backbones"
    target: Literal["these_images", "images_like_these", "data_like_these"] = "these_images"
    """What a claim is about, and so what its interval allows for: these test images (seeds vary);
    images like these (seeds and images vary); data like these (a new split for every seed)."""
    primary: list[str] = Field(default_factory=list)
    """Experiments whose contrasts form the one family that is corrected together."""
    correction: Literal["holm"] = "holm"
    diverged: Literal["chance"] | Percent = "chance"
    """Accuracy (percent) that a diverged run counts as."""
    strict: bool = True
    """Refuse a plan whose sensitivity test can never reject."""


class Report(Strict):
    """What a report gets beside the project's own: each is a package.module:function."""

    figures: Annotated[list[str], Field(max_length=100)] = Field(default_factory=list)
    """Functions of the loaded study that yield pictures (docs/extending.md)."""
    tables: Annotated[list[str], Field(max_length=100)] = Field(default_factory=list)
    """Functions of the loaded study that yield tables."""
    sections: Annotated[list[str], Field(max_length=100)] = Field(default_factory=list)
    """Functions of the loaded study that give a heading and paragraphs."""


class StudyFile(Strict):
    """A study: a question, seeds, a base, experiments, and a plan."""

    study: Name
    """Name of the study and of its folders."""
    title: Annotated[str, Field(max_length=300)] = ""
    question: Annotated[str, Field(max_length=3000)]
    """What the report answers."""
    seeds: Seeds
    """How many paired seeds (0, 1, ...), or which ones (each from 0 to below 2^63); or waves of
    them with looks in between: {wave: 5, at_most: 30, boundary:, futility:, effect:}."""
    protocols: Annotated[dict[Name, Protocol], Field(min_length=1)] = Field(
        default_factory=lambda: {"running": Protocol(statistics="running")}
    )
    protocol_sweep: ProtocolSweep | None = None
    """Further protocols for the figure of accuracy against the size of the test batch."""
    base: Base
    experiments: Annotated[dict[Name, Experiment], Field(min_length=1)]
    plan: Plan = Field(default_factory=Plan)
    report: Report | None = None
    """Figures, tables and sections of your own; they change no run and no decision."""

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, seeds: int | list[int] | SeedsInWaves) -> int | list[int] | SeedsInWaves:
        if isinstance(seeds, list) and len(set(seeds)) < len(seeds):
            twice = Counter(seeds).most_common(1)[0][0]
            raise ValueError(f"seeds are distinct, and {twice} is given twice")
        return seeds

    @field_validator("protocols")
    @classmethod
    def _any_is_taken(cls, protocols: dict[str, Protocol]) -> dict[str, Protocol]:
        if "any" in protocols:
            raise ValueError("'any' is the protocol of norms that do not depend on the batch")
        return protocols


RUNTIME = ("seeds_per_job", "minutes_per_job", "seeds_at_once", "where", "data_dir")
"""Settings of how a study runs; they never enter a specification."""


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of a study file, with the runtime settings that may stand in it."""
    schema = StudyFile.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["properties"]["seeds_per_job"] = {"type": "integer", "minimum": 1}
    schema["properties"]["seeds_at_once"] = {"type": "integer", "minimum": 1}
    schema["properties"]["minutes_per_job"] = {"type": "number", "exclusiveMinimum": 0}
    schema["properties"]["where"] = {"type": "string"}
    schema["properties"]["data_dir"] = {"type": "string"}
    return schema
