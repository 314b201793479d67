# From results to one tidy table, and from the table to decisions.


rule study:
    output:
        LAYOUT.results / "study.json",
    log:
        LAYOUT.logs / "study.log",
    localrule: True
    conda:
        "../envs/afn.yaml"
    params:
        study=given(STUDY.to_json()),
    shell:
        "cp {params.study:q} {output:q} 2> {log:q}"


# Seeds in waves: when one is over, a look decides what it can, and names the cells that get another.
# What was declared at the first look stays in a file beside it, which is no output of a rule.
checkpoint look:
    input:
        before_look,
        study=LAYOUT.results / "study.json",
        data=manifests(),
    output:
        LAYOUT.results / "looks" / "look{wave}.json",
    log:
        LAYOUT.logs / "look{wave}.log",
    localrule: True
    conda:
        "../envs/afn.yaml"
    params:
        fingerprint=analysis_fingerprint("analysis.decisions.waves.looking"),
        study_file=STUDY_FILE,
        runs=LAYOUT.runs,
        data=PREPARED,
    shell:
        "exec python -m analysis look {input.study:q} --runs {params.runs:q}"
        " --data {params.data:q} --study-file {params.study_file:q} --wave {wildcards.wave}"
        " -o {output:q} > {log:q} 2>&1"


rule collect:
    input:
        # The path written out: beside a long list, `rules.study.output` makes Snakemake hash the
        # whole list once per element, which takes minutes for a large study.
        study=LAYOUT.results / "study.json",
        results=first_results(),
        later=later_results if STUDY.looks else [],
        looks=all_looks if STUDY.looks else [],
        data=manifests(),
        nothing=without_where,
    output:
        results=LAYOUT.results / "results.parquet",
        correct=LAYOUT.results / "correct.npz",
        history=LAYOUT.results / "history.parquet",
        membership=report(
            LAYOUT.results / "membership.csv",
            category="Results",
            labels={"file": "cells of every experiment"},
            caption="../report/membership.rst",
        ),
    log:
        LAYOUT.logs / "collect.log",
    localrule: True
    conda:
        "../envs/afn.yaml"
    params:
        fingerprint=analysis_fingerprint("analysis.results.collect"),
        study_file=STUDY_FILE,
        runs=LAYOUT.runs,
        data=PREPARED,
        folder=LAYOUT.results,
    shell:
        "exec python -m analysis collect {input.study:q} --runs {params.runs:q}"
        " --data {params.data:q} --study-file {params.study_file:q} -o {params.folder:q}"
        " > {log:q} 2>&1"


rule decide:
    input:
        study=rules.study.output,
        results=rules.collect.output.results,
        correct=rules.collect.output.correct,
    output:
        decisions=report(
            LAYOUT.results / "decisions.json",
            category="Results",
            labels={"file": "decisions"},
            caption="../report/decisions.rst",
        ),
        ablations=LAYOUT.results / "ablations.json",
    log:
        LAYOUT.logs / "decide.log",
    localrule: True
    conda:
        "../envs/afn.yaml"
    params:
        fingerprint=analysis_fingerprint("analysis.decisions.decide"),
    shell:
        "exec python -m analysis decide {input.study:q} --results {input.results:q}"
        " --correct {input.correct:q} -o {output.decisions:q} --ablations {output.ablations:q} > {log:q} 2>&1"
