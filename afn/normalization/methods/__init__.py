"""Methods of normalisation, one file each; `afn.normalization.REGISTRY` has their names."""
