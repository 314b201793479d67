"""Figures of a study, one module per family; ``python -m analysis figures`` makes all of them.

In: the tables and decision objects of a study. Out: each figure as PDF, SVG and PNG, and
``index.json`` with title, caption, alternative text and files, for the report. A figure whose data
the study lacks is left out with one line that says why.
"""
