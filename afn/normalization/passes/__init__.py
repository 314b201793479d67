"""Passes over feature maps: statistics, their application, and the backward of both."""
