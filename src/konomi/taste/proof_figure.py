"""The proof on simulated people as one figure: regret, hits and calibration by the number of picks."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, LINE, ACCENT, SECOND, THIRD = "#3a3f45", "#e3e6e8", "#97325f", "#2f6f8f", "#b98a2f"
COLOURS = {"crowd": "#8a949c", "questionnaire": THIRD, "picks": SECOND, "both": ACCENT}
PLACE: Any = {"loc": "lower left", "bbox_to_anchor": (0, 0.2)}  # of a legend: over the line of what could be
NAMES = {"crowd": "mean of the crowd", "questionnaire": "questionnaire", "picks": "picks", "both": "both"}


def proof_figure(proof: dict[str, Any]) -> Figure:
    """Four arms by regret and by hits, with 95% intervals, and what stated chances are worth, after `prove`."""
    figure = Figure(figsize=(12.6, 4.4), layout="constrained")
    regret, hits, chances = figure.subplots(1, 3)
    for arm, found in proof["arms"].items():
        _course(regret, found["regret"], proof["picks"], COLOURS[arm], NAMES[arm])
        if any(found["hit"]):
            _course(hits, found["hit"], proof["picks"], COLOURS[arm], NAMES[arm])
    regret.axhline(proof["ceiling"]["regret"][0], color=INK, linewidth=0.8, linestyle="-.", label="if all were known")
    _course(hits, proof["arms"]["both"]["better"], proof["picks"], INK, "both, against the favourite", line="--")
    hits.axhline(0.5, color=INK, linewidth=0.8, linestyle=":")
    hits.annotate(
        "chance", (proof["picks"], 0.5), (-2, 3), textcoords="offset points", ha="right", fontsize=8, color=INK
    )
    regret.set(title="Regret of what is suggested", ylabel="deviations of liking", ylim=(0, None))
    hits.set(title="Liked better than what is made for another", ylabel="share", ylim=(0.25, 1))
    _calibration(chances, proof["arms"]["both"]["calibration"])
    for axis in (regret, hits):
        axis.set_xlabel(f"picks, each out of {proof['of']} pictures")
        axis.set_xticks(range(0, proof["picks"] + 1, max(1, proof["picks"] // 6)))
    for axis in (regret, hits, chances):
        axis.legend(frameon=False, fontsize=8, **(PLACE if axis is regret else {"loc": "lower right"}))
        axis.grid(color=LINE)
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
    manner = proof["plan"]["manner"]
    figure.suptitle(
        f"SIMULATED: {proof['raters']} {manner['kind']} raters the model had never met, in {proof['worlds']} worlds; "
        f"{manner['private_share']:.0%} of liking private",
        color=INK,
    )
    return figure


def _course(axis: Axes, found: list[Any], picks: int, colour: str, label: str, *, line: str = "-") -> None:
    """Means with a band; of an arm without picks a level line."""
    moments, known = zip(*((n, values) for n, values in enumerate(found) if values), strict=True)
    mean, low, high = zip(*known, strict=True)
    if len(found) == 1:
        moments, mean, low, high = (0, picks), mean * 2, low * 2, high * 2
    axis.fill_between(moments, low, high, color=colour, alpha=0.15, linewidth=0)
    axis.plot(moments, mean, line, color=colour, linewidth=1.8, label=label)


def _calibration(axis: Axes, by_picks: list[dict[str, Any]]) -> None:
    axis.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle=":")
    last = len(by_picks) - 1
    for number, colour in {0: "#8a949c", last // 4: SECOND, last: ACCENT}.items():
        stated, true, _ = zip(*by_picks[number]["tenths"], strict=True)
        error = by_picks[number]["error"]
        axis.plot(stated, true, "o-", color=colour, markersize=4, label=f"{number} picks: off by {error:.3f} at most")
    axis.set(title="What stated chances are worth", xlabel="stated chance of a pick", ylabel="share that came true")
    axis.set(xlim=(0, 1), ylim=(0, 1))
