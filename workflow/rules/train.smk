# One job trains a block of seeds of one cell, in one process: importing torch costs more than a short
# training. The seeds stand in the outputs only, so that another size of block, or more
# seeds, changes nothing of what was trained.

for block in blocks(STUDY, config):

    rule:
        name:
            rule_name("train", *block.words)
        input:
            data=PREPARED / "{task}" / "manifest.json",
            chosen=chosen_input,
        output:
            [LAYOUT.runs / CELL / f"seed{seed}" / "result.json" for seed in block.seeds],
        log:
            LAYOUT.logs / CELL / f"{block.words[-1]}.log",
        wildcard_constraints:
            **block.constraints(winners(STUDY)),
        conda:
            "../envs/afn.yaml"
        threads: 1
        resources:
            runtime=lambda wildcards, attempt, count=len(block.seeds): job_minutes(
                cell_of(wildcards), count, attempt
            ),
            mem_mb=lambda wildcards, attempt: job_memory(cell_of(wildcards), attempt),
            # No parameter: another number puts nothing out of date.
            seeds_at_once=int(config.get("seeds_at_once", 1)),
        params:
            spec=spec_param,
            fingerprint=lambda wildcards: run_fingerprint(cell_of(wildcards)),
            study=STUDY.name,
            store=LAYOUT.store,
            ledger=LAYOUT.ledger,
        shell:
            "exec python -m afn.training {output:q} --spec {params.spec:q}"
            " --study {params.study:q} --fingerprint {params.fingerprint} --data {input.data:q}"
            " --store {params.store:q} --ledger {params.ledger:q} --threads {threads}"
            " --at-once {resources.seeds_at_once} > {log:q} 2>&1"
