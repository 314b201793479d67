"""Hyper-parameter search in rounds: propose, record, choose, collect (``python -m afn.search``)."""
