"""A paper from a study: figures, tables, paragraphs, references and the source that joins them."""
