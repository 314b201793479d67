# The study, from data to report. A study file says what is computed (config.yaml, studies/*.yaml),
# a profile says how (profiles/*); the rules stand in workflow/rules, a file per topic.
#
#   snakemake                                        the whole default study
#   snakemake --configfile studies/OTHER.yaml        another one
#   snakemake -n                                     what would be done
#   snakemake results | partial                      only the table | a report on what exists
#   snakemake paper | supplement                     a paper of it | all files in one archive
#   snakemake cells --config where="norm == 'afn'"   only some runs

if not workflow.overwrite_configfiles:

    configfile: "config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/search.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/analyse.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/paper.smk"


onstart:
    write_what_is_given()


rule all:
    default_target: True
    input:
        # All of it: what a failed step removed is missed, though an older page be there.
        rules.collect.output,
        rules.decide.output,
        rules.search.output,
        rules.figures.output,
        rules.tables.output,
        rules.report.output,
    conda:
        "workflow/envs/afn.yaml"


rule results:
    input:
        rules.collect.output,
    conda:
        "workflow/envs/afn.yaml"


rule cells:
    input:
        selected_results(),
    conda:
        "workflow/envs/afn.yaml"
