# Hyper-parameter search in rounds. A round's proposals depend on the records of the rounds before;
# all paths are known beforehand, a trial is an ordinary training whose specification is a file.
# Rounds wait for each other: what belongs to a search goes before the rest of the study. With
# halving a round has rungs; how many slots a rung has is known, which trial fills one is a file.
# The searches of all methods, and the repeated ones of a method, know nothing of each other: their
# rounds are trained side by side.

SEARCH = LAYOUT.results / "search"
SEARCH_CODE = fingerprint(("afn.search.__main__",))

for group in STUDY.searches():
    for number, trials in enumerate(group.rounds):

        rule:
            name:
                rule_name("propose", group.path, number)
            input:
                [SEARCH / group.path / f"round{r}" / "record.json" for r in range(number)],
            output:
                SEARCH / group.path / f"round{number}" / "proposals.json",
                [
                    SEARCH / group.path / "specs" / f"{group.trial_cell(cell, trial)}.json"
                    for trial in trials
                    for cell in group.cells
                ],
            log:
                LAYOUT.logs / "search" / group.path / f"propose{number}.log",
            priority: 1
            localrule: True
            conda:
                "../envs/afn.yaml"
            params:
                group=f"@{given(group.to_json())}",
                fingerprint=SEARCH_CODE,
                folder=SEARCH / group.path,
                number=number,
            shell:
                "exec python -m afn.search propose --group {params.group:q}"
                " --folder {params.folder:q} --round {params.number} > {log:q} 2>&1"

        for rung, slots in enumerate(group.slots(number)):
            if rung:

                rule:
                    name:
                        rule_name("promote", group.path, number, f"rung{rung}")
                    input:
                        filled_by(group, number, rung - 1),
                        rung_results(group, number, rung - 1),
                    output:
                        filled_by(group, number, rung),
                        [
                            SEARCH
                            / group.path
                            / "specs"
                            / f"{group.slot_cell(cell, number, rung, slot)}.json"
                            for slot in range(slots)
                            for cell in group.cells
                        ],
                    log:
                        LAYOUT.logs / "search" / group.path / f"promote{number}_{rung}.log",
                    priority: 1
                    localrule: True
                    conda:
                        "../envs/afn.yaml"
                    params:
                        group=f"@{given(group.to_json())}",
                        fingerprint=SEARCH_CODE,
                        folder=SEARCH / group.path,
                        runs=LAYOUT.trials,
                        number=number,
                        rung=rung,
                    shell:
                        "exec python -m afn.search promote --group {params.group:q}"
                        " --runs {params.runs:q} --folder {params.folder:q}"
                        " --round {params.number} --rung {params.rung} > {log:q} 2>&1"

            for slot in range(slots):
                for cell in group.cells:

                    rule:
                        name:
                            rule_name("trial", group.slot_cell(cell, number, rung, slot))
                        input:
                            data=PREPARED / STUDY.cell(cell).task / "manifest.json",
                            spec=SEARCH
                            / group.path
                            / "specs"
                            / f"{group.slot_cell(cell, number, rung, slot)}.json",
                        output:
                            slot_results(group, cell, number, rung, slot),
                        log:
                            LAYOUT.logs
                            / "search"
                            / f"{group.slot_cell(cell, number, rung, slot)}.log",
                        priority: 1
                        conda:
                            "../envs/afn.yaml"
                        threads: 1
                        resources:
                            runtime=lambda wildcards, attempt, cell=cell, count=len(
                                group.seeds
                            ): job_minutes(STUDY.cell(cell), count, attempt),
                            mem_mb=lambda wildcards, attempt, cell=cell: job_memory(
                                STUDY.cell(cell), attempt
                            ),
                        params:
                            given="--slot " if rung else "--spec @",
                            until=until_option(group, rung),
                            fingerprint=run_fingerprint(STUDY.cell(cell)),
                            study=STUDY.name,
                            store=LAYOUT.store,
                            ledger=LAYOUT.ledger,
                        shell:
                            "exec python -m afn.training {output:q} {params.given}{input.spec:q}"
                            " {params.until} --study {params.study:q}"
                            " --fingerprint {params.fingerprint} --data {input.data:q}"
                            " --store {params.store:q} --ledger {params.ledger:q}"
                            " --threads {threads} > {log:q} 2>&1"

        rule:
            name:
                rule_name("record", group.path, number)
            input:
                [filled_by(group, number, rung) for rung in range(len(group.rungs))],
                [rung_results(group, number, rung) for rung in range(len(group.rungs))],
            output:
                SEARCH / group.path / f"round{number}" / "record.json",
            log:
                LAYOUT.logs / "search" / group.path / f"record{number}.log",
            priority: 1
            localrule: True
            conda:
                "../envs/afn.yaml"
            params:
                group=f"@{given(group.to_json())}",
                fingerprint=SEARCH_CODE,
                folder=SEARCH / group.path,
                runs=LAYOUT.trials,
                number=number,
            shell:
                "exec python -m afn.search record --group {params.group:q} --runs {params.runs:q}"
                " --folder {params.folder:q} --round {params.number} > {log:q} 2>&1"

    if group.finalists:

        rule:
            name:
                rule_name("finalists", group.path)
            input:
                [
                    SEARCH / group.path / f"round{r}" / "record.json"
                    for r in range(len(group.rounds))
                ],
            output:
                SEARCH / group.path / "finalists.json",
                [
                    spec_path(group, group.final_cell(cell, slot))
                    for slot in range(group.final_slots)
                    for cell in group.cells
                ],
            log:
                LAYOUT.logs / "search" / group.path / "finalists.log",
            priority: 1
            localrule: True
            conda:
                "../envs/afn.yaml"
            params:
                group=f"@{given(group.to_json())}",
                fingerprint=SEARCH_CODE,
                folder=SEARCH / group.path,
            shell:
                "exec python -m afn.search finalists --group {params.group:q}"
                " --folder {params.folder:q} > {log:q} 2>&1"

        for slot in range(group.final_slots):
            for cell in group.cells:

                rule:
                    name:
                        rule_name("finalist", group.final_cell(cell, slot))
                    input:
                        data=PREPARED / STUDY.cell(cell).task / "manifest.json",
                        spec=spec_path(group, group.final_cell(cell, slot)),
                    output:
                        trial_results(group.final_cell(cell, slot), group.final_seeds),
                    log:
                        LAYOUT.logs / "search" / f"{group.final_cell(cell, slot)}.log",
                    priority: 1
                    conda:
                        "../envs/afn.yaml"
                    threads: 1
                    resources:
                        runtime=lambda wildcards, attempt, cell=cell, count=len(
                            group.final_seeds
                        ): job_minutes(STUDY.cell(cell), count, attempt),
                        mem_mb=lambda wildcards, attempt, cell=cell: job_memory(
                            STUDY.cell(cell), attempt
                        ),
                    params:
                        fingerprint=run_fingerprint(STUDY.cell(cell)),
                        study=STUDY.name,
                        store=LAYOUT.store,
                        ledger=LAYOUT.ledger,
                    shell:
                        "exec python -m afn.training {output:q} --slot {input.spec:q}"
                        " --study {params.study:q}"
                        " --fingerprint {params.fingerprint} --data {input.data:q}"
                        " --store {params.store:q} --ledger {params.ledger:q}"
                        " --threads {threads} > {log:q} 2>&1"

    rule:
        name:
            rule_name("choose", group.path)
        input:
            [SEARCH / group.path / f"round{r}" / "record.json" for r in range(len(group.rounds))],
            [SEARCH / group.path / "finalists.json"] if group.finalists else [],
            final_results(group),
        output:
            SEARCH / group.path / "chosen.json",
            [chosen_spec(LAYOUT.results, group.path, cell) for cell in group.cells],
        log:
            LAYOUT.logs / "search" / group.path / "choose.log",
        priority: 1
        localrule: True
        conda:
            "../envs/afn.yaml"
        params:
            group=f"@{given(group.to_json())}",
            fingerprint=SEARCH_CODE,
            folder=SEARCH / group.path,
            runs=LAYOUT.trials,
        shell:
            "exec python -m afn.search choose --group {params.group:q} --runs {params.runs:q}"
            " --folder {params.folder:q} > {log:q} 2>&1"


rule search:
    input:
        [SEARCH / group.path / "chosen.json" for group in STUDY.searches()],
    output:
        LAYOUT.results / "search.json",
    log:
        LAYOUT.logs / "search.log",
    priority: 1
    localrule: True
    conda:
        "../envs/afn.yaml"
    params:
        fingerprint=SEARCH_CODE,
        groups=canonical_json([group.path for group in STUDY.searches()]),
        folder=SEARCH,
    shell:
        "mkdir -p {params.folder:q} && exec python -m afn.search collect --group {params.groups:q}"
        " --folder {params.folder:q} > {log:q} 2>&1"


# For optuna-dashboard and scripts; nothing else needs it.
rule optuna:
    input:
        rules.search.output,
    output:
        LAYOUT.results / "optuna.journal",
    log:
        LAYOUT.logs / "optuna.log",
    localrule: True
    conda:
        "../envs/afn.yaml"
    shell:
        "exec python -m afn.search export {input:q} -o {output:q} > {log:q} 2>&1"
