"""Where `Batch2d` was documented before the methods had a room; layers derived from it go on."""

from afn.normalization.methods.batch import Batch2d as Batch2d
