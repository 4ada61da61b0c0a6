"""Calls of language models: whichever provider, within budgets, and all of it accounted for."""
