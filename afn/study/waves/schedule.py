"""``seeds: {wave: 5, at_most: 30}``: what may be written, and the waves and looks that it means.

In: the value of ``seeds`` in a study file. Out: the seeds, the waves that they come in, and the
numbers of seeds after which everybody looks. Called by the schema and by `Study`. A plain number or
a list is one wave without looks.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

Seed = Annotated[int, Field(ge=0, lt=2**63)]
"""What a column of whole numbers holds, in every table that a result goes through."""
MOST_LOOKS = 20
"""Boundaries of more looks take minutes to compute, and hardly differ from those of fewer."""


class SeedsInWaves(BaseModel):
    """Seeds in waves: after each, what is decided stops, and the rest goes on."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, strict=True
    )

    wave: Annotated[int, Field(ge=3)]
    """Seeds of one wave; everybody looks when a wave is over."""
    at_most: Annotated[int, Field(ge=3, le=100_000)]
    """Seeds after the last wave, which may be a smaller one."""
    boundary: Literal["wang_tsiatis", "obrien_fleming", "pocock"] = "wang_tsiatis"
    """How the error is spread over the looks: between the others, late, or evenly."""
    futility: bool = True
    """Stop what can hardly show the effect (or equivalence) by the last look; it is undecided."""
    effect: Annotated[float, Field(gt=0, le=100)] | None = None
    """The difference, in points, that the study is made to find; default the margin."""

    @model_validator(mode="after")
    def _there_is_a_wave(self) -> SeedsInWaves:
        if self.at_most < self.wave:
            raise ValueError(f"at_most ({self.at_most}) is less than one wave ({self.wave})")
        if len(self.looks) > MOST_LOOKS:
            raise ValueError(
                f"waves of {self.wave} up to {self.at_most} are {len(self.looks)} looks; more than "
                f"{MOST_LOOKS} are refused: nearest valid: wave: {-(-self.at_most // MOST_LOOKS)}"
            )
        return self

    @property
    def looks(self) -> tuple[int, ...]:
        """Numbers of seeds after which everybody looks."""
        whole = tuple(range(self.wave, self.at_most + 1, self.wave))
        return whole if whole[-1] == self.at_most else (*whole, self.at_most)


def _kind(value: object) -> str:
    if isinstance(value, dict | SeedsInWaves):
        return "kind-waves"
    return "kind-list" if isinstance(value, list) else "kind-number"


Seeds = Annotated[
    Annotated[int, Field(ge=1, le=100_000), Tag("kind-number")]
    | Annotated[list[Seed], Field(min_length=1), Tag("kind-list")]
    | Annotated[SeedsInWaves, Tag("kind-waves")],
    Discriminator(_kind),
]
"""How many paired seeds, which ones, or seeds in waves."""


def seeds_of(declared: int | list[int] | SeedsInWaves) -> list[int]:
    """All seeds that a study may train."""
    if isinstance(declared, SeedsInWaves):
        return list(range(declared.at_most))
    return list(range(declared)) if isinstance(declared, int) else list(declared)


def last_seed(declared: int | list[int] | SeedsInWaves) -> int:
    """The largest seed, found without a list of all."""
    if isinstance(declared, SeedsInWaves):
        return declared.at_most - 1
    return declared - 1 if isinstance(declared, int) else max(declared)


def seed_count(declared: int | list[int] | SeedsInWaves) -> int:
    """How many seeds a study may train."""
    if isinstance(declared, SeedsInWaves):
        return declared.at_most
    return declared if isinstance(declared, int) else len(declared)


def looks_of(declared: Any) -> tuple[int, ...]:
    """Numbers of seeds after which everybody looks; none without waves."""
    return declared.looks if isinstance(declared, SeedsInWaves) else ()


def waves_of(declared: int | list[int] | SeedsInWaves) -> list[list[int]]:
    """The seeds, wave by wave."""
    seeds, looks = seeds_of(declared), looks_of(declared)
    if not looks:
        return [seeds]
    return [seeds[start:end] for start, end in zip((0, *looks), looks, strict=False)]
