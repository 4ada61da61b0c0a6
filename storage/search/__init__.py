"""Search in what workspaces have: words, questions, the index, and what of a text is shown."""
