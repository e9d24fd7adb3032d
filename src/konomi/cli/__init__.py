"""The command line: parse, call, print. Every error that a user can mend is one line and a documented exit code."""

# each registers its commands; the help page keeps this order
# isort: off
from konomi.cli import draw as draw
from konomi.cli import refine as refine
from konomi.cli import bench as bench
from konomi.cli import collect as collect
from konomi.cli import crop as crop
from konomi.cli import dataset as dataset
from konomi.cli import tag as tag
from konomi.cli import train as train
from konomi.cli import describe as describe
from konomi.cli import reproduce as reproduce
from konomi.cli import evaluate as evaluate
from konomi.cli import review as review
from konomi.cli import survey as survey
from konomi.cli import analyse as analyse
from konomi.cli import serve as serve
from konomi.cli import studio as studio
from konomi.cli import taste as taste
from konomi.cli import taste_questionnaire as taste_questionnaire
from konomi.cli import taste_prove as taste_prove

# isort: on
from konomi.cli.console import main

__all__ = ["main"]
