# What is made only where it is asked for: a paper of the study, and an archive of all its files.


rule paper:
    input:
        study=rules.study.output,
        results=rules.collect.output.results,
        history=rules.collect.output.history,
        correct=rules.collect.output.correct,
        decisions=rules.decide.output.decisions,
        ablations=rules.decide.output.ablations,
        search=rules.search.output,
        data=manifests(),
    output:
        LAYOUT.reports / "paper" / "index.json",
    log:
        LAYOUT.logs / "paper.log",
    localrule: True
    conda:
        "../envs/afn.yaml"
    params:
        fingerprint=analysis_fingerprint(
            "analysis.paper.writing", *STUDY.added_modules("figure"), *STUDY.added_modules("table")
        ),
        data=PREPARED,
    shell:
        "exec python -m analysis paper {input.study:q} --results {input.results:q}"
        " --history {input.history:q} --decisions {input.decisions:q}"
        " --ablations {input.ablations:q} --correct {input.correct:q} --search {input.search:q}"
        " --data {params.data:q} -o $(dirname {output:q}) > {log:q} 2>&1"


rule supplement:
    input:
        study=rules.study.output,
        tables=[rules.collect.output.results, rules.collect.output.membership],
        decisions=[rules.decide.output.decisions, rules.decide.output.ablations],
        search=rules.search.output,
        figures=rules.figures.output.index,
        of_tables=rules.tables.output,
        page=rules.report.output,
        paper=rules.paper.output,
    output:
        LAYOUT.reports / "supplement.zip",
    log:
        LAYOUT.logs / "supplement.log",
    localrule: True
    conda:
        "../envs/afn.yaml"
    params:
        fingerprint=analysis_fingerprint("analysis.paper.archive.supplement"),
        study_file=STUDY_FILE,
        workflow=workflow_folder(),
    shell:
        "exec python -m analysis supplement $(dirname {input.study:q}) $(dirname {input.page:q})"
        " --study-file {params.study_file:q} --workflow {params.workflow:q} -o {output:q}"
        " > {log:q} 2>&1"
