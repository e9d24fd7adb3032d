"""The card of one of Hayase's generators."""

from typing import Any

from konomi.model.card import short_card

_ENCODINGS = {
    "none": "no answers",
    "scaled": "method 1: 22 answers from [1, 7] to [0, 1], gender (male 1, female 0), age / 100: 24 numbers",
    "one-hot": "method 2: 22 answers of seven numbers each, two for gender (male, female), age / 100: 157 numbers",
}
_LIMITS = """\
A reproduction of Hayase 2023, made to see how far answers decide the picture. It is of no use for drawing
what somebody likes. It has seen few characters and repeats them."""
_PRETRAINED = """\
The pre-training of a reproduction of Hayase 2023: faces from noise, without answers. Other runs begin with it."""


def dcgan_card(facts: dict[str, Any]) -> str:
    """The text of a card, from what `export_dcgan` returns."""
    asked = facts["condition"] != "none"
    rows = [
        ("licence", facts["licence"]),
        *(_answers(facts) if asked else []),
        ("input", f"noise of {facts['latent']} numbers; {_ENCODINGS[facts['condition']]}"),
        ("picture", f"{facts['size']} x {facts['size']} px"),
        ("file", f"{facts['bytes'] / 1e6:.1f} MB, weights in half precision, sha256 {facts['sha256']}"),
        ("parameters", f"{facts['parameters'] / 1e6:.2f} million"),
        ("training", f"{facts['pictures']:,} pictures shown{' after the pre-training' if asked else ''}"),
        ("ONNX against PyTorch", f"largest difference {facts['difference']:.1e} on a scale of 2"),
    ]
    return short_card(facts["name"], rows, _LIMITS if asked else _PRETRAINED)


def _answers(facts: dict[str, Any]) -> list[tuple[str, str]]:
    who = "simulated answers: no person gave them" if facts["simulated"] else "answers of people"
    return [
        ("answers", f"{who} ({facts['answers']:,} about {facts['characters']} characters)"),
        ("questionnaire", f"{facts['questionnaire']}, {facts['questionnaire_hash'][:12]}"),
    ]
