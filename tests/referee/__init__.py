"""A second reader of the results: it recomputes what a study shows and knows nothing of how.

Studies are trained by the real commands; then every number that they show is computed again from
results.parquet and history.parquet with pandas, numpy and scipy alone. No module here imports the
packages of the project, which `test_imports` asserts.
"""
