# Figures, tables and the page, all made from decisions.


rule figures:
    input:
        study=rules.study.output,
        results=rules.collect.output.results,
        history=rules.collect.output.history,
        decisions=rules.decide.output.decisions,
        ablations=rules.decide.output.ablations,
        search=rules.search.output,
        data=manifests(),
    output:
        index=LAYOUT.reports / "figures" / "index.json",
        # The same files by section, for Snakemake's own report.
        by_section=report(
            directory(LAYOUT.reports / "figures" / "by_section"),
            patterns=["{section}/{name}.svg"],
            category="Figures",
            subcategory="{section}",
            labels={"figure": "{name}"},
            caption="../report/figure.rst",
        ),
    log:
        LAYOUT.logs / "figures.log",
    localrule: True
    conda:
        "../envs/afn.yaml"
    params:
        fingerprint=analysis_fingerprint("analysis.figures.making", *STUDY.added_modules("figure")),
        data=PREPARED,
    shell:
        "exec python -m analysis figures {input.study:q} --results {input.results:q}"
        " --history {input.history:q} --decisions {input.decisions:q}"
        " --ablations {input.ablations:q} --search {input.search:q} --data {params.data:q}"
        " --by-section {output.by_section:q} -o $(dirname {output.index:q}) > {log:q} 2>&1"


rule tables:
    input:
        study=rules.study.output,
        results=rules.collect.output.results,
        membership=rules.collect.output.membership,
        decisions=rules.decide.output.decisions,
        ablations=rules.decide.output.ablations,
        search=rules.search.output,
    output:
        LAYOUT.reports / "tables" / "index.json",
    log:
        LAYOUT.logs / "tables.log",
    localrule: True
    conda:
        "../envs/afn.yaml"
    params:
        fingerprint=analysis_fingerprint("analysis.tables.writing", *STUDY.added_modules("table")),
        folder=LAYOUT.reports,
    shell:
        "exec python -m analysis tables {input.study:q} --results {input.results:q}"
        " --membership {input.membership:q} --decisions {input.decisions:q}"
        " --ablations {input.ablations:q} --search {input.search:q} -o {params.folder:q}"
        " > {log:q} 2>&1"


rule report:
    input:
        study=rules.study.output,
        results=rules.collect.output.results,
        history=rules.collect.output.history,
        decisions=rules.decide.output.decisions,
        ablations=rules.decide.output.ablations,
        correct=rules.collect.output.correct,
        search=rules.search.output,
        figures=rules.figures.output.index,
        tables=rules.tables.output,
    output:
        report(
            LAYOUT.reports / "index.html",
            category="Report",
            labels={"file": "the page"},
            caption="../report/page.rst",
        ),
    log:
        LAYOUT.logs / "report.log",
    localrule: True
    conda:
        "../envs/afn.yaml"
    params:
        fingerprint=analysis_fingerprint(
            "analysis.report.page", *STUDY.added_modules("table", "section")
        ),
        study_file=STUDY_FILE,
        logs=LAYOUT.logs,
        data=PREPARED,
    shell:
        "exec python -m analysis report {input.study:q} --results {input.results:q}"
        " --decisions {input.decisions:q} --ablations {input.ablations:q}"
        " --correct {input.correct:q}"
        " --search {input.search:q} --figures $(dirname {input.figures:q})"
        " --tables $(dirname {input.tables:q}) --history {input.history:q}"
        " --data {params.data:q} --logs {params.logs:q}"
        " --study-file {params.study_file:q}"
        " -o {output:q} > {log:q} 2>&1"


# No run is an input, nothing is declared as output: it can be asked for while the study runs.
rule partial:
    log:
        LAYOUT.logs / "partial.log",
    conda:
        "../envs/afn.yaml"
    params:
        study=given(STUDY.to_json()),
        folder=LAYOUT.reports / "partial",
        study_file=STUDY_FILE,
        runs=LAYOUT.runs,
        data=PREPARED,
    shell:
        "mkdir -p {params.folder:q} && cp {params.study:q} {params.folder:q}/study.json &&"
        " exec python -m analysis partial {params.folder}/study.json --runs {params.runs:q}"
        " --data {params.data:q} --study-file {params.study_file:q} -o {params.folder:q}"
        " > {log:q} 2>&1"
