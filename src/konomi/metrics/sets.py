"""Two sets of features, checked before they are compared.

Conventions
-----------
`real` and `generated` are floating-point arrays of shape (N, D) and (M, D), one row per picture, from the same features
(`konomi.metrics.features`). N and M may differ, both are at least 2.
"""

import numpy as np

from konomi.errors import InputError


def validate(*, real: np.ndarray, generated: np.ndarray) -> None:
    """An InputError guesses what is wrong if these are not two comparable sets of features."""
    for name, features in (("real", real), ("generated", generated)):
        _validate_shape(name, features)
    _validate_widths(real.shape, generated.shape)
    for name, features in (("real", real), ("generated", generated)):
        _validate_values(name, features)


def validate_set(name: str, features: np.ndarray) -> None:
    """An InputError guesses what is wrong if `features`, called `name`, is not a set of features, (N, D)."""
    _validate_shape(name, features)
    _validate_values(name, features)


def _validate_shape(name: str, features: np.ndarray) -> None:
    shape = features.shape
    if features.ndim == 4 and 3 in (shape[1], shape[3]):
        raise InputError(f"{name} has shape {shape}; are these pictures? Compute their features, (N, D), first.")
    if features.ndim == 1 or (features.ndim == 2 and shape[0] == 1):
        raise InputError(f"{name} has shape {shape}: one picture is not a set; at least 2 are needed")
    if features.ndim != 2:
        raise InputError(f"{name} has shape {shape}; features have shape (N, D). Were they not averaged over space?")
    if 0 in shape:
        raise InputError(f"{name} is empty: its shape is {shape}")
    if not np.issubdtype(features.dtype, np.floating):
        raise InputError(f"{name} is {features.dtype}; features are floating-point. Are these flattened pictures?")


def _validate_widths(real: tuple[int, ...], generated: tuple[int, ...]) -> None:
    if real[1] == generated[1]:
        return
    transposed = real[1] == generated[0] or real[0] == generated[1]
    guess = "Is one of them transposed?" if transposed else "Do they come from different networks?"
    raise InputError(f"real has {real[1]} features per picture and generated has {generated[1]}. {guess}")


def _validate_values(name: str, features: np.ndarray) -> None:
    bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if len(bad):
        raise InputError(
            f"{name} has NaN or infinity in {len(bad)} of {len(features)} rows, the first is row {bad[0]}; "
            "did the training that drew them diverge?"
        )
