"""A second discriminator, which looks through a judge's eyes.

After Kumari et al. 2022, *Ensembling Off-the-shelf Models for GAN Training*: what a network that was trained on far
more than the run will see makes of a picture halfway tells a smeared eye from a whole one. The judge's layers are
frozen; small heads on two of its feature maps learn, place by place, to tell real faces from drawn ones.
"""

import torch
from torch import Tensor, nn

from konomi.model.judge import JudgeNetwork
from konomi.model.losses import relativistic_loss
from konomi.model.ops import conv2d, leaky_relu

CUTS = (8, 14)  # layers of EfficientNet-Lite0 behind which the maps are taken
CHANNELS = (40, 112)  # of those maps, which have 14 x 14 and 7 x 7 places
WIDTH = 64  # of the heads
PENALTY = 0.02  # weight of the squared gradient of the scores by the features


class Head(nn.Module):
    """A feature map (N, channels, height, width) and centred conditions -> a score of every place, (N, places)."""

    def __init__(self, channels: int, slots: int) -> None:
        super().__init__()
        self.read = nn.Conv2d(channels, WIDTH, 3, bias=False)
        self.score = nn.Linear(WIDTH, 1)
        self.asked = nn.Linear(slots, WIDTH, bias=False)
        nn.init.zeros_(self.asked.weight)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        seen = leaky_relu(conv2d(x, self.read.weight)).flatten(2).transpose(1, 2)  # (N, places, WIDTH)
        scores: Tensor = self.score(seen)[:, :, 0] + (seen * self.asked(condition)[:, None]).mean(dim=2)
        return scores


class Critic(nn.Module):
    """The heads; the judge's layers are not among its parameters."""

    def __init__(self, judge: JudgeNetwork, slots: int) -> None:
        super().__init__()
        layers = [*judge.tagger.early, *judge.tagger.late]
        self._eyes = (judge, nn.Sequential(*layers[: CUTS[0]]), nn.Sequential(*layers[CUTS[0] : CUTS[1]]))
        self.heads = nn.ModuleList(Head(channels, slots) for channels in CHANNELS)

    def look(self, pictures: Tensor) -> list[Tensor]:
        """The feature maps of pictures (N, 3, H, W) that are nearly in [-1, 1]."""
        judge, first, second = self._eyes
        near = first(judge.prepared(pictures))
        return [near, second(near)]

    def forward(self, maps: list[Tensor], condition: Tensor) -> list[Tensor]:
        """The scores of each map's places."""
        return [head(x, condition) for head, x in zip(self.heads, maps, strict=True)]

    def against(self, winner: list[Tensor], loser: list[Tensor]) -> Tensor:
        """What speaks against `winner` being more real than `loser`, place by place: mean over the maps."""
        return torch.stack([relativistic_loss(a, b) for a, b in zip(winner, loser, strict=True)]).mean()

    def loss(self, real: list[Tensor], drawn: list[Tensor], condition: Tensor) -> tuple[Tensor, list[Tensor]]:
        """What it learns by, with a zero-centred penalty; and the scores of the real, without a gradient."""
        both = [[x.detach().requires_grad_() for x in maps] for maps in (real, drawn)]
        scores = [self(maps, condition) for maps in both]
        penalty = torch.zeros((), device=real[0].device)
        for maps, found in zip(both, scores, strict=True):
            for x, score in zip(maps, found, strict=True):
                (gradient,) = torch.autograd.grad(score.sum(), x, create_graph=True)
                penalty = penalty + gradient.square().sum(dim=(1, 2, 3)).mean() / score.shape[1]
        return self.against(*scores) + PENALTY * penalty, [score.detach() for score in scores[0]]
