"""A table of scores that is looked at while its seeds come in: the looks, and their command."""

from analysis.standalone.sequential.growing import LooksPlan, Sequential

__all__ = ["LooksPlan", "Sequential"]
