"""Stages made into a dataset: duplicates, groups, splits, weights, a card and a map."""
