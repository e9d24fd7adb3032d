"""How well two rounds of labelling agree: 600 faces were judged twice, blind, in another order.

    python benchmarks/agreement.py

Reads labels/faces.csv and labels/second.csv, writes benchmarks/agreement.json. Cohen's kappa over the faces that both
rounds were sure of, and how often at least one of them was not.
"""

import json
from pathlib import Path

import numpy as np

from konomi.data.tagging.labels import read_judgements, tags_of
from konomi.metrics.tagging import kappa
from konomi.schema import load_schema

ROOT = Path(__file__).parents[1]


def main() -> None:
    schema = load_schema("anime")
    first, second = (
        tags_of(read_judgements([ROOT / "labels" / n], schema), schema) for n in ("faces.csv", "second.csv")
    )
    twice = sorted(set(first) & set(second))
    rows = {}
    for attribute in schema.attributes:
        if attribute.exclusive:
            pairs = [(chosen(first[f], attribute.slots), chosen(second[f], attribute.slots)) for f in twice]
            rows[attribute.name] = row([p for p in pairs if None not in p], len(twice))
        for slot in attribute.slots:
            pairs = [(first[f][slot], second[f][slot]) for f in twice if slot in first[f] and slot in second[f]]
            rows[slot] = row(pairs, len(twice)) | {"yes": [int(sum(p[i] for p in pairs)) for i in (0, 1)]}
    for name, r in rows.items():
        told = f"{r['faces']:4} both sure  agree {r['agreement']:.3f}  kappa {r['kappa'] or 0:.2f}"
        print(f"{name:22} {told}  {r.get('yes', '')}")
    (ROOT / "benchmarks" / "agreement.json").write_text(
        json.dumps({"faces": len(twice), "tags": rows}, indent=1) + "\n"
    )


def chosen(tags: dict[str, float], slots: tuple[str, ...]) -> str | None:
    return next((slot for slot in slots if tags.get(slot) == 1.0), None)


def row(pairs: list[tuple], total: int) -> dict:
    one, two = (np.array([p[i] for p in pairs]) for i in (0, 1))
    agreed = float((one == two).mean())
    value = kappa(one, two)
    return {
        "faces": len(pairs), "unsure": round(1 - len(pairs) / total, 3), "agreement": round(agreed, 4),
        "kappa": None if np.isnan(value) else round(value, 3),
    }  # fmt: skip


if __name__ == "__main__":
    main()
