"""Damage to what is collected and decided: tables, decisions, pages."""

from __future__ import annotations

from functools import partial

import pandas as pd

from afn.common.made_from import enclosed
from benchmarks.damage import place as ways
from benchmarks.damage.place import Place, edit
from benchmarks.damage.registry import MOST, files, kind, take_out

files("table", "results.parquet", lambda p: p.results / "results.parquet", *MOST)


@kind("table", "an accuracy edited")
def _(p: Place) -> None:
    frame = pd.read_parquet(p.results / "results.parquet")
    frame.loc[frame["norm"] == "batch", "accuracy"] = 0.999
    frame.to_parquet(p.results / "results.parquet", index=False)


@kind("table", "rows of a seed removed")
def _(p: Place) -> None:
    frame = pd.read_parquet(p.results / "results.parquet")
    frame[frame["seed"] != 2].to_parquet(p.results / "results.parquet", index=False)


@kind("table", "an accuracy edited, the old hashes kept")
def _(p: Place) -> None:
    import pyarrow.parquet as pq

    path = p.results / "results.parquet"
    table = pq.read_table(path)
    frame = table.to_pandas()
    frame.loc[frame["norm"] == "batch", "accuracy"] = 0.999
    changed = table.from_pandas(frame, preserve_index=False)
    pq.write_table(changed.replace_schema_metadata(table.schema.metadata), path)


files("table", "correct.npz", lambda p: p.results / "correct.npz", "truncate", "empty", "remove")
files("history table", "history.parquet", lambda p: p.results / "history.parquet", *MOST[:2])


@kind("table", "right answers edited in correct.npz")
def _(p: Place) -> None:
    import zipfile

    path = p.results / "correct.npz"
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = next(name for name in members if name.endswith(".npy"))
    members[name] = members[name][:-20] + b"\xff" * 20
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)


@kind("table", "alpha edited in study.json")
def _(p: Place) -> None:
    ways.replace_text(p.results / "study.json", '"alpha": 0.05', '"alpha": 0.9')


@kind("table", "study.json cut off")
def _(p: Place) -> None:
    ways.truncate(p.results / "study.json", p.dice)


@kind("table", "a cell of another norm in membership.csv")
def _(p: Place) -> None:
    ways.replace_text(p.results / "membership.csv", ",batch,", ",afn,")


files("decision", "decisions.json", lambda p: p.results / "decisions.json", *MOST)
files("decision", "ablations.json", lambda p: p.results / "ablations.json", *MOST[:2])
files("decision", "search.json", lambda p: p.results / "search.json", *MOST[:2])


def _verdict(decisions: list[dict]) -> None:
    for decision in decisions:
        decision.update(verdict="superior", estimate=12.0, p=1e-6)


@kind("decision", "verdicts edited")
def _(p: Place) -> None:
    edit(p.results / "decisions.json", lambda d: _verdict(d["decisions"]))


@kind("decision", "verdicts edited, hashed anew")
def _(p: Place) -> None:
    def change(document: dict) -> dict:
        _verdict(document["decisions"])
        return enclosed("decisions", document["decisions"], document["made_from"])

    edit(p.results / "decisions.json", change)


@kind("decision", "a decision removed, hashed anew")
def _(p: Place) -> None:
    def change(document: dict) -> dict:
        return enclosed("decisions", document["decisions"][1:], document["made_from"])

    edit(p.results / "decisions.json", change)


@kind("decision", "the hash of its content removed")
def _(p: Place) -> None:
    edit(p.results / "decisions.json", partial(take_out, key="content"))


@kind("decision", "what it was made from removed, hashed anew")
def _(p: Place) -> None:
    edit(p.results / "decisions.json", lambda d: d.update(made_from=[]))


@kind("decision", "a bare list of decisions")
def _(p: Place) -> None:
    edit(p.results / "decisions.json", lambda d: d["decisions"])


@kind("decision", "the winner of a search edited")
def _(p: Place) -> None:
    edit(p.results / "search.json", lambda d: d["searches"][0].update(trials=[]))


files("page", "index.html", lambda p: p.reports / "index.html", "flip_content", "truncate", "empty")
for pattern in ("figures/*.svg", "figures/*.csv", "tables/*.csv", "tables/*.tex", "data/*.csv"):
    files("page", pattern, lambda p, q=pattern: p.one(q), "flip", "remove")
for name in ("figures/index.json", "tables/index.json"):
    files("page", name, lambda p, n=name: p.reports / n, "truncate")


@kind("page", "a verdict edited in index.html")
def _(p: Place) -> None:
    page = p.reports / "index.html"
    text = page.read_text()
    page.write_text(text.replace("verdict", "ver-dict"))


@kind("page", "a verdict edited in the board")
def _(p: Place) -> None:
    board = p.reports / "tables/board.csv"
    board.write_text(board.read_text() + "\n")
