# Arrays of a task, prepared once for all studies. The manifest holds their checksums: made again
# from the same data it has the same bytes, and nothing is trained again.


rule prepare:
    output:
        PREPARED / "{task}" / "manifest.json",
    log:
        "logs/prepare/{task}.log",
    conda:
        "../envs/afn.yaml"
    resources:
        # Where raw data lie is a matter of how: unlike a param, a change of it makes nothing again.
        data_dir=config["data_dir"],
    params:
        task=lambda wildcards: task_settings(wildcards)["name"],
        options=task_options,
        fingerprint=lambda wildcards: task_fingerprint(task_settings(wildcards)),
    shell:
        "exec python -m afn.tasks prepare {params.task} --options {params.options:q}"
        " --data-dir {resources.data_dir:q} -o $(dirname {output:q}) > {log:q} 2>&1"
