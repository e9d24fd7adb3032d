"""Faces cut out of pictures."""
