# make help explains itself. VENV=path uses another environment, STUDY=file another study,
# DATA=folder the folder of the data sets, TORCH=cpu PyTorch without CUDA.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
STUDY ?= config.yaml
WHERE ?=
DATA ?=
BIN := $(VENV)/bin
# TORCH=cpu makes the environment with PyTorch's build without CUDA; it stays so until VENV is removed.
TORCH ?= $(if $(wildcard $(VENV)/.torch-cpu),cpu)
CPU_INDEX := https://download.pytorch.org/whl/cpu
CPU_PINS := grep -E '^torch(vision)?==' requirements.lock
OTHER_PINS := grep -vE '^(nvidia-|cuda-|triton|torch(vision)?)[^ ]*==' requirements.lock
# A variable in lower case would be ignored: make knows STUDY, and not study.
$(foreach name,study where data venv seed confirm torch,$(if $(filter command,$(firstword $(origin $(name)))),\
	$(error $(name)=$($(name)) is not known: variables are in upper case, $(shell echo $(name) | \
	tr a-z A-Z)=$($(name)))))
BENCHMARKS := field layers conversion statistics calibration pipeline
# What an environment is made from: pinned packages, and code that is compiled if it can be.
MADE_FROM := requirements.lock setup.py afn/normalization/kernels/head_kernels.c \
	$(sort $(wildcard afn/normalization/kernels/*_kernels.h))
STAMP := $(VENV)/.lock-$(shell cat $(MADE_FROM) | cksum | tr ' ' '-')
PYTEST = PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m pytest -n 2 --dist worksteal
STYLE = $(BIN)/ruff check . && $(BIN)/ruff format --check . && \
	$(BIN)/snakefmt --check Snakefile workflow/Snakefile workflow/rules && \
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/snakemake --lint
# Half a minute at first, a second with its cache: make check has it run beside the rest.
TYPES = $(BIN)/python -m mypy afn analysis
# What a user gives reaches the shell as one word, with its quotes, dollars and blanks.
quoted = '$(subst ','\'',$(value $(1)))'
RUN = PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python workflow/run.py --study $(call quoted,STUDY) --data $(call quoted,DATA)

.PHONY: help report paper supplement index partial sample status plan verify rerun check test test-long fuzz matrix lint format bench docs slurm lock schema drawings fingerprints clean

help:  ## list what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'
	@echo "  variables: STUDY=config.yaml WHERE=\"norm == 'afn' and seed == 3\" DATA=../data VENV=$(VENV) TORCH=cpu"

# The environment is made, or brought to the lock's versions, whenever one of these has changed.
$(STAMP): | $(MADE_FROM)
	@echo "preparing the environment in $(VENV) (a few minutes the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
ifeq ($(TORCH),cpu)
	@$(CPU_PINS) > $(VENV)/torch-cpu.txt && $(OTHER_PINS) > $(VENV)/others.txt
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps \
		--index-url $(CPU_INDEX) -r $(VENV)/torch-cpu.txt
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -r $(VENV)/others.txt
	@touch $(VENV)/.torch-cpu
else
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -r requirements.lock
endif
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps -e .
	@rm -f $(VENV)/.lock-* && touch $@

report: $(STAMP)  ## run the study and write its report (ends with the report's path)
	@$(RUN)

paper: $(STAMP)  ## the same, and a paper of it: figures, tables, text, references, LaTeX source
	@$(RUN) --also paper

sample: $(STAMP)  ## keep the page of STUDY as reports/sample, without links to files that are not kept
	@$(BIN)/python workflow/sample.py --study $(call quoted,STUDY)

supplement: $(STAMP)  ## the same, and all of the study's files with checksums in one archive
	@$(RUN) --also supplement

index: $(STAMP)  ## a page over all reports: question, answer, n, date, cost
	@$(BIN)/python -m analysis index

partial: $(STAMP)  ## report on what exists so far; works while a study runs
	@$(RUN) --partial

status: $(STAMP)  ## the grid as a matrix, and the time that is left
	@$(BIN)/python -m afn.study status $(call quoted,STUDY)

plan: $(STAMP)  ## what will be run and decided, what exists, what would be trained again and why
	@$(BIN)/python -m afn.study plan $(call quoted,STUDY)
	@$(BIN)/python -m analysis expected $(call quoted,STUDY)

verify: $(STAMP)  ## is every result whole and of this study, and all that was made from them
	@$(BIN)/python -m afn.study verify $(call quoted,STUDY)

rerun: $(STAMP)  ## train the runs of WHERE="norm == 'afn' and seed == 3" again, and renew the report
	@$(RUN) --rerun --where $(call quoted,WHERE)

check: $(STAMP)  ## lint, and the tests that take seconds (90 in all)
	@log=$$(mktemp) && { $(TYPES) > $$log 2>&1 & types=$$!; $(STYLE) && $(PYTEST) --quick; code=$$?; \
		wait $$types || { cat $$log; code=1; }; rm -f $$log; exit $$code; }

test: $(STAMP) lint  ## every test but the long ones (20 minutes at most)
	@$(PYTEST) -m "not long"

test-long: $(STAMP)  ## the long tests; CI runs test and test-long
	@$(PYTEST) -m long

fuzz: $(STAMP)  ## draw new examples, and many, for the tests that draw; SEED=n draws the same again
	@seed=$(or $(SEED),$$RANDOM$$RANDOM) && echo "the same draws again: make fuzz SEED=$$seed" && \
		$(PYTEST) -m hypothesis --hypothesis-profile fuzz --hypothesis-seed $$seed

matrix: $(STAMP)  ## the layers' tests on other versions of Python and PyTorch (downloads gigabytes)
	@$(BIN)/python workflow/matrix.py

lint: $(STAMP)  ## ruff, mypy, snakefmt, snakemake --lint
	@$(STYLE)
	@$(TYPES)

format: $(STAMP)  ## put all code into the house's format
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format . && $(BIN)/snakefmt Snakefile workflow/rules

bench: $(STAMP)  ## print the benchmarks' ratios
	@set -e; for name in $(BENCHMARKS); do echo "== $$name"; $(BIN)/python -m benchmarks.$$name; done

docs: $(VENV)/docs-tools  ## the reference of all functions, from their docstrings, in docs/_build/html
	@PYTHONPATH="$(abspath $<)" $(BIN)/python workflow/reference.py

slurm: $(VENV)/slurm-plugin  ## Snakemake's plugin for Slurm, in a folder that only some tests use

# Each in a folder of its own: the environment is usually without them.
$(VENV)/docs-tools: requirements-docs.lock | $(STAMP)
$(VENV)/crate-tools: requirements-crate.lock | $(STAMP)
$(VENV)/slurm-plugin: requirements-slurm.lock | $(STAMP)
$(VENV)/docs-tools $(VENV)/crate-tools $(VENV)/slurm-plugin:
	@rm -rf $@ $@.new
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --require-hashes \
		-r $< --target $@.new
	@mv $@.new $@ && touch $@

lock: $(STAMP)  ## pin what is installed now, the tools that are apart, and derive workflow/envs from it
	@$(BIN)/python workflow/envs/generate.py --lock

schema: $(STAMP)  ## write the JSON schema that editors use for study files
	@$(BIN)/python -m afn.study schema > workflow/schemas/study.schema.json

drawings: $(STAMP)  ## draw the rules and the rooms anew, in docs/drawings
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python workflow/drawings.py

fingerprints: $(STAMP)  ## write down which code trains the default study, after a change of it
	@$(BIN)/python -m afn.study codes config.yaml > tests/study/code/fingerprints.json

clean:  ## delete caches; with CONFIRM=1 also results, reports and prepared data
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info
	@find afn analysis benchmarks tests workflow -name __pycache__ -prune -exec rm -rf {} +
ifeq ($(CONFIRM),1)
	@rm -rf results logs data/prepared .snakemake
	@find reports -mindepth 1 -maxdepth 1 ! -name README.md ! -name sample -exec rm -rf {} +
else
	@echo "kept results, reports and data: make clean CONFIRM=1 deletes them"
endif
