"""What a picture looks like beside its tags: a few plain numbers, by which taste may differ where words do not."""

import numpy as np

LOOK = ("lightness", "contrast", "colour", "warmth", "detail")  # in this order
# Means and standard deviations over 1,000 pictures that anime-2 drew of nothing in particular (seeds 0 to 999), rounded
CENTRE = np.array([0.61, 0.24, 0.18, 0.12, 0.039])
SPREAD = np.array([0.10, 0.043, 0.073, 0.12, 0.007])


def look(pictures: np.ndarray) -> np.ndarray:
    """The numbers of `LOOK` for pictures of 64 px, uint8 (N, 64, 64, 3) -> (N, 5).

    Mean and deviation of lightness; how far colours lie from gray; red less blue; how much a pixel differs from its
    neighbours: lines, folds, single hairs.
    """
    colours = pictures.astype(np.float64) / 255
    light = colours @ np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
    around = (light[:, :-2, 1:-1] + light[:, 2:, 1:-1] + light[:, 1:-1, :-2] + light[:, 1:-1, 2:]) / 4
    return np.column_stack([
        light.mean(axis=(1, 2)),
        light.std(axis=(1, 2)),
        (colours.max(axis=3) - colours.min(axis=3)).mean(axis=(1, 2)),
        (colours[..., 0] - colours[..., 2]).mean(axis=(1, 2)),
        np.abs(light[:, 1:-1, 1:-1] - around).mean(axis=(1, 2)),
    ])  # fmt: skip
