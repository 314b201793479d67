# The validated study, its paths, and the functions that rules take parameters from.

import re
import sys
from pathlib import Path

from snakemake.utils import update_config

from afn.command.places import shipped
from afn.common.canonical import canonical_json
from afn.study.plan.blocks import blocks, winners
from afn.study.plan.cost import job_memory, job_minutes
from afn.study.plan.describe import headline
from afn.common.errors import StudyError
from afn.common.files import replacing
from afn.study.code.fingerprint import (
    analysis_fingerprint,
    fingerprint,
    run_fingerprint,
    task_fingerprint,
)
from afn.study.code.memory import remember
from afn.study.layout import PREPARED, RAW, StudyFolders
from afn.study.loading import study_from_mapping
from afn.common.process import prepare_children
from afn.study.grid.reading import read_mapping
from afn.study.grid.schema import RUNTIME
from afn.study.search.groups import chosen_spec
from afn.study.grid.selection import select
from afn.study.state.owner import check_owner, check_packages, record_owner
from afn.study.waves.asked import asked_runs, look_file, read_look
from afn.study.waves.family import members
from afn.study.waves.record import check_waves


def study_files():
    """The files that the study is merged from; as a module of another workflow, the one it names.

    There `--configfile` and `--config` belong to the other workflow.
    """
    if "study_file" in config:
        return [config["study_file"]]
    return workflow.overwrite_configfiles or ["config.yaml"]


def study_file():
    """The path of the study file, in the same words whether or not it was named."""
    file = Path(study_files()[0]).resolve()
    return str(file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file)


def load():
    """The study, from its files as this project reads them: Snakemake's reader is of YAML 1.1."""
    mapping = {}
    for file in study_files():
        update_config(mapping, read_mapping(file))
    if "study_file" in config:
        mapping.update({key: config[key] for key in RUNTIME if key in config})
    else:
        update_config(mapping, dict(workflow.config_settings.config))
    config.update({key: mapping[key] for key in RUNTIME if key in mapping})
    check_packages(jobs=workflow.is_main_process)
    study = study_from_mapping(mapping, STUDY_FILE)
    check_owner(study.name, STUDY_FILE)
    check_waves(study, StudyFolders(study.name).results)
    return study


def or_stop(work):
    """What some work gives; a mistake of the user ends Snakemake with one message."""
    try:
        return work()
    except StudyError as error:
        sys.exit(f"error: {error}")


def cell_of(wildcards):
    return STUDY.cell(
        "/".join((wildcards.task, wildcards.backbone, wildcards.norm, wildcards.recipe))
    )


def chosen_input(wildcards):
    """The specification that a search writes; nothing for a cell that the study file completes."""
    cell = cell_of(wildcards)
    return [chosen_spec(LAYOUT.results, cell.search, cell.path)] if cell.search else []


def trial_results(name, seeds):
    """The results under a path of a search, a path per seed."""
    return [LAYOUT.trials / name / f"seed{seed}" / "result.json" for seed in seeds]


def slot_results(group, cell, number, rung, slot):
    """The results of one slot of a rung of a search, a path per seed."""
    return trial_results(group.slot_cell(cell, number, rung, slot), group.seeds)


def final_results(group):
    """All results of the finalists of a search."""
    return [
        path
        for slot in range(group.final_slots)
        for cell in group.cells
        for path in trial_results(group.final_cell(cell, slot), group.final_seeds)
    ]


def spec_path(group, name):
    """The file of a specification, or of a slot, of a search."""
    return LAYOUT.results / "search" / group.path / "specs" / f"{name}.json"


def rung_results(group, number, rung):
    """All results of a rung."""
    return [
        path
        for slot in range(group.slots(number)[rung])
        for cell in group.cells
        for path in slot_results(group, cell, number, rung, slot)
    ]


def filled_by(group, number, rung):
    """The file that says which trials fill the slots of a rung."""
    folder = LAYOUT.results / "search" / group.path / f"round{number}"
    return folder / (f"rung{rung}.json" if rung else "proposals.json")


def until_option(group, rung):
    """Where the trainings of a rung stop; nothing for the last, which trains to the end."""
    return "" if rung == len(group.rungs) - 1 else f"--until {group.rungs[rung]}"


def rule_name(*words):
    """A name of a rule from a word and paths; no two paths have one name, as a/b_c and a_b/c."""
    kind, *places = words
    return f"{kind}_" + "~~".join(part for place in places for part in Path(str(place)).parts)


def spec_param(wildcards):
    """@ and the file of a specification: of a search, or named by its content, see `given`."""
    cell = cell_of(wildcards)
    return f"@{chosen_input(wildcards)[0] if cell.search else given(cell.spec())}"


GIVEN = {}


def given(text):
    """Where a job finds a long text, as a path that is short to print and differs with the text.

    The file is written by `write_what_is_given`, when work begins and never in a dry run.
    """
    path = LAYOUT.given(text)
    GIVEN[path] = text
    return str(path)


def write_what_is_given():
    """Every text that a job may be given, and what each fingerprint covers, for later plans."""
    record_owner(STUDY.name, STUDY_FILE)
    for cell in STUDY.cells():
        if not cell.search:
            given(cell.spec())
    for path, text in GIVEN.items():
        line = f"{text}\n"
        if not path.is_file() or path.read_text(encoding="utf-8") != line:
            with replacing(path, durable=False) as temporary:
                temporary.write_text(line, encoding="utf-8")
    remember(STUDY.cells(), LAYOUT.codes)


def task_settings(wildcards):
    cells = (cell for cell in STUDY.cells() if cell.task == wildcards.task)
    return next(cells).settings["task"]


def task_options(wildcards):
    return canonical_json({k: v for k, v in task_settings(wildcards).items() if k != "name"})


def looked(wave):
    """The look after a wave, once it was taken; until then Snakemake waits for it."""
    return or_stop(lambda: read_look(checkpoints.look.get(wave=wave).output[0]))


def wave_results(wave, wanted):
    """The results of some cells with the seeds of one wave (counted from 1)."""
    folder = str(LAYOUT.runs)
    return [
        f"{folder}/{path}/seed{seed}/result.json"
        for path in wanted
        for seed in STUDY.waves[wave - 1]
    ]


def looks_until_the_end():
    """Every look, in order; the last one is that after which nobody needs another wave."""
    looks = []
    for wave in range(1, len(STUDY.looks) + 1):
        looks.append(looked(wave))
        if not looks[-1]["next"]:
            break
    return looks


def before_look(wildcards):
    """What a look needs: the look before it, and the wave that this one has asked for."""
    wave = int(wildcards.wave)
    if wave == 1:
        cells = dict.fromkeys(path for member in members(STUDY) for path in member.cells)
        return wave_results(1, cells)
    last = looked(wave - 1)
    return [str(look_file(LAYOUT.results, wave - 1)), *wave_results(wave, last["next"])]


def all_looks(wildcards):
    """The files of all looks; none with a fixed number of seeds."""
    return [str(look_file(LAYOUT.results, look["wave"])) for look in looks_until_the_end()]


def first_results():
    """The results of the first wave, of all runs where there is one wave: known beforehand."""
    if not STUDY.looks:
        return LAYOUT.result_paths(STUDY.runs())
    return wave_results(1, [cell.path for cell in STUDY.cells()])


def later_results(wildcards):
    """The results of all further runs that the looks have asked for."""
    found = []
    for look in looks_until_the_end()[:-1]:
        found += wave_results(look["wave"] + 1, look["next"])
    return found


def where_expression():
    """The text of `--config where=...` as it was given: what Snakemake reads lacks outer quotes."""
    for argument in workflow.config_settings.config_args or []:
        key, _, text = str(argument).partition("=")
        if key == "where":
            return text
    return str(config.get("where") or "")


def without_where(wildcards):
    """No input; refuses a `where` in a target of the whole study, which would not obey it."""
    if "where" in config:
        sys.exit(
            "error: where: selects the runs of the target cells, and of no other: "
            'snakemake cells --config where="..."; take it away for the whole study'
        )
    return []


def selected_results():
    """The runs that `--config where=...` selects; all of them without it."""
    where = where_expression()
    if "where" in config and not where.strip():
        sys.exit("error: where: is empty; say which runs, as in where=\"norm == 'afn'\"")
    chosen = or_stop(lambda: select(STUDY, where, asked_runs(STUDY, LAYOUT.results)))
    return LAYOUT.result_paths(chosen)


def workflow_folder():
    """Where the workflow lies, in the words that are the same wherever a checkout lies."""
    return "." if shipped() == Path.cwd() else str(shipped())


def manifests():
    return [
        PREPARED / task / "manifest.json" for task in dict.fromkeys(c.task for c in STUDY.cells())
    ]


def say_what_is_planned():
    """The study in three lines; jobs of a cluster, which read this file again, say nothing."""
    if workflow.is_main_process and not workflow.output_settings.quiet:
        print(headline(STUDY), file=sys.stderr)


# Rules call `python`: the one that runs Snakemake; what they start dies with it.
prepare_children()
config.setdefault("data_dir", str(RAW))
STUDY_FILE = study_file()
STUDY = or_stop(load)
LAYOUT = StudyFolders(STUDY.name)
say_what_is_planned()
CELL = "{task}/{backbone}/{norm}/{recipe}"


wildcard_constraints:
    task="[^/]+",
    backbone="[^/]+",
    norm="[^/]+",
    recipe="[^/]+",
    wave="[0-9]+",
