"""Losses and augmentation.

Scores are (N,), pictures float (N, 3, H, W) in [-1, 1], weights (N, slots) with NaN for unknown.
"""

import torch
from torch import Tensor
from torch.nn import functional

from konomi.model.ops import input_gradients_only
from konomi.schema import Schema


def relativistic_loss(winner: Tensor, loser: Tensor) -> Tensor:
    """softplus(-(winner - loser)), averaged (RpGAN, Jolicoeur-Martineau 2019; Huang et al. 2024).

    The discriminator wants real above drawn; the generator swaps the two.
    """
    return functional.softplus(loser - winner).mean()


def gradient_penalty(scores: Tensor, pictures: Tensor) -> Tensor:
    """Half the mean squared gradient norm of scores by pictures (R1 on real, R2 on drawn; Mescheder et al. 2018)."""
    with input_gradients_only():
        (gradient,) = torch.autograd.grad(scores.sum(), pictures, create_graph=True)
    return gradient.float().square().sum(dim=(1, 2, 3)).mean() / 2


def attribute_loss(logits: Tensor, weights: Tensor, schema: Schema, *, trust: Tensor | None = None) -> Tensor:
    """Cross-entropy of what is known: softmax for exclusive choices, sigmoid for the rest; summed over attributes.

    Soft targets are used as they are. Unknown attributes count nothing; the mean is over pictures. `trust` (N,) says
    how much each picture's tags count. The sum is divided by N all the same, not by the sum of trust: what a picture
    counts must not depend on the others of its batch, and doubtful tags should pull less against other losses.
    """
    known = ~weights.isnan()
    targets = weights.nan_to_num()
    total = logits.new_zeros(len(logits))
    for attribute in schema.attributes:
        where = schema.offsets[attribute.name]
        if attribute.exclusive:
            terms = -targets[:, where] * logits[:, where].log_softmax(dim=1)
        else:
            terms = functional.binary_cross_entropy_with_logits(logits[:, where], targets[:, where], reduction="none")
        total = total + (terms * known[:, where]).sum(dim=1)
    return (total if trust is None else total * trust).mean()


def probabilities(logits: Tensor, schema: Schema) -> Tensor:
    """Attribute probabilities (N, slots): softmax within exclusive choices, sigmoid elsewhere."""
    result = logits.sigmoid()
    for attribute in schema.attributes:
        if attribute.exclusive:
            where = schema.offsets[attribute.name]
            result[:, where] = logits[:, where].softmax(dim=1)
    return result


def augment(pictures: Tensor, generator: torch.Generator, *, chance: float, colour: float = 1.0) -> Tensor:
    """Brightness, saturation, contrast and translation, each for a `chance` of the pictures, each its own amount.

    What the discriminator sees is augmented, real and drawn alike, in the same way but with its own dice
    (differentiable augmentation, Zhao et al. 2020). `colour` scales the colour changes: hues stay, so that a
    hair colour keeps its name.
    """
    n = len(pictures)

    def dice(amount: float) -> Tensor:
        on = torch.rand(n, 1, 1, 1, generator=generator) < chance
        return (torch.rand(n, 1, 1, 1, generator=generator) * 2 - 1) * amount * on

    x = pictures + dice(0.3 * colour)
    grey = x.mean(dim=1, keepdim=True)
    x = grey + (x - grey) * (1 + dice(0.5 * colour))
    middle = x.mean(dim=(1, 2, 3), keepdim=True)
    x = middle + (x - middle) * (1 + dice(0.3 * colour))
    return translate(x, generator, chance=chance)


def translate(pictures: Tensor, generator: torch.Generator, *, chance: float, reach: float = 0.125) -> Tensor:
    """Each picture moved by up to `reach` of its side, edges filled with zeros (mid-grey)."""
    n, _, height, width = pictures.shape
    most = int(height * reach)
    moves = torch.randint(-most, most + 1, (n, 2), generator=generator)
    moves = moves * (torch.rand(n, 1, generator=generator) < chance)
    padded = functional.pad(pictures, (most,) * 4)
    crops = [
        padded[i, :, most + dy : most + dy + height, most + dx : most + dx + width]
        for i, (dy, dx) in enumerate(moves.tolist())
    ]
    return torch.stack(crops)
