"""A run's folder, what made its results, its tables, figures and book.

Nothing is imported here: most steps of a run draw nothing, and need not wait for what draws. What
most notebooks use stands together in `boneage_lib.notebook`.
"""
