"""How soon a gallery of the studio is there, in a real browser.

    python benchmarks/studio.py          twenty descriptions nobody asked for before; writes studio.json

From the click until the page is painted (ten empty frames, chips, all that can be clicked), until the first portrait,
until all ten at 64 px, and until all ten are there at 256 px. Needs Debian's chromium (sh scripts/debian.sh).
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
from playwright.sync_api import Page, sync_playwright

from konomi.schema import load_schema
from konomi.timing import machine
from konomi.web.studio.wishes import COUNT

OUT = Path(__file__).with_suffix(".json")
WATCH = """
window.seen = { quick: [], sure: [] };
document.addEventListener("load", ({ target }) => {
  for (const kind of ["quick", "sure"]) if (target.classList?.contains(kind)) seen[kind].push(performance.now());
}, true);
"""
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


@contextmanager
def studio(folder: str) -> Iterator[str]:
    command = [sys.executable, "-m", "konomi", "studio", "--folder", folder, "--port", "0", "--no-open"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"}
    ) as run:
        assert run.stdout
        yield run.stdout.readline().strip()
        run.terminate()


def wishes(count: int) -> Iterator[str]:
    """Addresses of galleries: one hair colour and one eye colour each, of people nobody has seen."""
    chance, schema = random.Random(5), load_schema("anime")
    hair, eyes = (schema.attribute(name).value_names for name in ("hair_color", "eye_color"))
    for number in range(count):
        text = f"{chance.choice(hair)} hair, {chance.choice(eyes)} eyes"
        yield "/people?" + urlencode({"text": text, "seed": 1000 + 100 * number})


def gallery(page: Page, address: str) -> dict[str, float]:
    """Milliseconds from the request of a page to what is seen of it."""
    page.goto(address, wait_until="commit")
    while page.evaluate("seen.sure.length") < COUNT:
        page.wait_for_timeout(50)
    seen: dict[str, list[float]] = page.evaluate("seen")
    return {
        "page": page.evaluate(PAINTED),
        "first": min(seen["quick"]),
        "all_64": max(seen["quick"]),
        "all_256": max(seen["sure"]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20, help="of descriptions")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, studio(folder) as address, sync_playwright() as driver:
        page = driver.chromium.launch(executable_path=shutil.which("chromium")).new_page(
            base_url=address, viewport={"width": 1280, "height": 1200}
        )
        page.add_init_script(WATCH)
        rows = [gallery(page, wish) for wish in wishes(given.count + 1)][1:]  # the first one loads the models
    found: dict[str, Any] = {"machine": machine(), "load_average": round(os.getloadavg()[0], 1), "galleries": len(rows)}
    for name in rows[0]:
        times = [row[name] for row in rows]
        found[name] = {"median_ms": round(float(np.median(times))), "worst_ms": round(max(times))}
    OUT.write_text(json.dumps(found, indent=1) + "\n")
    print(OUT.read_text())


if __name__ == "__main__":
    main()
