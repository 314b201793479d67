"""What a docstring says of a part and of its options, read without importing it."""

from __future__ import annotations

import ast

from afn.study.parts import docstrings
from afn.study.parts.catalogue import entry

SOURCE = '''
class Mine:
    """Halves x. A second sentence
    that is left out.

    More of it.

    Parameters
    ----------
    num_features
        Channels C.
    low, high : float
        Limits of x,
        both included.

    Raises
    ------
    ValueError
        Never.
    """
'''


def node_of(source: str) -> ast.ClassDef:
    return ast.parse(source).body[0]


def test_first_sentence_and_options():
    node = node_of(SOURCE)
    assert docstrings.first_sentence(node) == "Halves x."
    both = "Limits of x, both included."
    assert docstrings.options(node) == {"num_features": "Channels C.", "low": both, "high": both}


def test_a_class_that_says_nothing():
    node = node_of("class Mine:\n    pass\n")
    assert docstrings.first_sentence(node) == ""
    assert docstrings.options(node) == {}


def test_the_paper_s_layer_explains_its_options():
    afn = entry("norm", "afn")
    assert afn.about.startswith("Adaptive Fusion Normalization")
    assert set(afn.options) <= set(afn.described)
