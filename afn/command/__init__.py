"""``afn-study``: what a user types, in a checkout or in a folder of a study of their own."""
