"""How long one avatar takes on one core (`konomi bench`), and `konomi draw` from the shell, cold.

    taskset -c 0 python benchmarks/drawing.py

All is measured side by side in one run. Machines are noisy: compare the ratios.
"""

import subprocess
import sys
import tempfile

from konomi.timing import WORDS, machine, time_drawing, timed


def main() -> None:
    print(machine())
    timings = list(time_drawing())
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "konomi", "draw", WORDS, "--out", folder]

        def cold(seed: int) -> None:
            subprocess.run([*command, "--seed", str(seed)], check=True, capture_output=True)

        timings.append(timed("konomi draw, cold", cold, repeats=5))
    for timing in timings:
        print(f"{timing.what:35s} {timing.milliseconds:8.2f} ms (fastest {timing.fastest:.2f})")


if __name__ == "__main__":
    main()
