"""The rules of the house: who imports whom, and what is never loaded."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "konomi"
CORE = {
    "errors", "schema", "condition", "text", "record", "images", "files", "recipe", "metadata", "network",
    "questionnaire", "dice", "guessing", "refining", "settings", "fields",
}  # fmt: skip
WORKERS = {"data", "model", "metrics", "taste", "drawing", "upscale", "models"}
# the training worker reads stages; nothing else crosses from worker to worker
ALLOWED = {("model", "data")}


def imports(path: Path) -> set[str]:
    """The modules of konomi that a file imports, by the first name below `konomi`."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{a.name}" for a in node.names] if node.module == "konomi" else [node.module]
        elif isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        found |= {n.split(".")[1] for n in names if n.startswith("konomi.")}
    return found - {"__version__"}


def modules() -> list[tuple[str, Path]]:
    files = [p for p in SOURCE.rglob("*.py") if p.name not in ("__init__.py", "__main__.py") or p.parent != SOURCE]
    return [(p.relative_to(SOURCE).parts[0].removesuffix(".py"), p) for p in files]


@pytest.mark.parametrize(("name", "path"), modules(), ids=lambda v: str(v) if isinstance(v, str) else v.stem)
def test_imports_point_inwards(name: str, path: Path) -> None:
    used = imports(path)
    if name in CORE:
        assert used <= CORE
    elif name in WORKERS:
        allowed = CORE | {name} | {to for worker, to in ALLOWED if worker == name}
        assert used <= allowed


def test_only_the_model_folder_imports_torch() -> None:
    for name, path in modules():
        top = [
            n for n in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(n, (ast.Import, ast.ImportFrom))
        ]
        loaded = {a.name.split(".")[0] for n in top for a in n.names if isinstance(n, ast.Import)}
        loaded |= {n.module.split(".")[0] for n in top if isinstance(n, ast.ImportFrom) and n.module}
        assert name == "model" or "torch" not in loaded, path


def test_drawing_never_loads_torch(tmp_path: Path) -> None:
    program = (
        "import sys, konomi; konomi.draw('red hair', size=64)[0].save(sys.argv[1]);"
        "heavy = {'torch', 'scipy', 'matplotlib', 'onnx', 'cv2', 'scrapy', 'sklearn', 'fastapi'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "a.png")], check=True)


def test_importing_konomi_loads_nothing_heavy() -> None:
    program = "import sys, konomi; assert not {'numpy', 'PIL', 'onnxruntime', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
