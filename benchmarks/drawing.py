"""How long one avatar takes on one core, and `konomi draw` from the shell, cold.

    taskset -c 0 python benchmarks/drawing.py

Prints medians over 20 pictures, all measured side by side in one run. Machines are noisy: compare the ratios.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

from konomi import api, drawing
from konomi.upscale import upscale

REPEATS = 20


def median_ms(function: Callable[[int], object]) -> float:
    function(0)  # loads what has to be loaded
    times = []
    for number in range(REPEATS):
        start = time.perf_counter()
        function(number)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def main() -> None:
    model = api.open_model("anime")
    request = api.understand("long silver hair, red eyes", schema_name=model.schema.name)
    core = drawing.draw_core(model, request.condition, 0, 0.7)

    def whole(size: int) -> Callable[[int], object]:
        return lambda seed: list(api.draw_request(request, model, seed=seed, size=size, threads=1))

    print(f"words to condition      {median_ms(lambda n: api.understand(f'long silver hair, red eyes {n}')):7.2f} ms")
    print(f"64 px core              {median_ms(lambda n: drawing.draw_core(model, request.condition, n, 0.7)):7.2f} ms")
    print(f"64 -> 256 px            {median_ms(lambda n: upscale(core, 256)):7.2f} ms")
    for size in (64, 256, 512):
        print(f"whole avatar, {size:3d} px    {median_ms(whole(size)):7.2f} ms")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "konomi", "draw", "long silver hair, red eyes", "--out", folder]
        cold = median_ms(lambda n: subprocess.run([*command, "--seed", str(n)], check=True, capture_output=True))
    print(f"konomi draw, cold       {cold:7.2f} ms")


if __name__ == "__main__":
    main()
