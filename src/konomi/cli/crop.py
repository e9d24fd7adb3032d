"""Faces out of pictures: crop, and the training of its detector."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from konomi.cli.console import app, err, following, need, out

if TYPE_CHECKING:
    from konomi.data.cropping.detect import CascadeDetector, Detector

Cascade = Annotated[
    Optional[Path], typer.Option(envvar="KONOMI_CASCADE", help="The file lbpcascade_animeface.xml.", show_default=False)
]


@app.command()
def crop(
    source: Annotated[Path, typer.Argument(metavar="STAGE", help="A stage folder, or any folder of pictures.")],
    folder: Annotated[Path, typer.Argument(help="The stage folder to make.")],
    size: Annotated[int, typer.Option(help="Side of the face pictures, in pixels.")] = 128,
    detector: Annotated[str, typer.Option(help="faces (built in), cascade, or an .onnx file.")] = "faces",
    enlarge: Annotated[
        float, typer.Option(help="Side of what is cut out, in head boxes: 1 tight, 1.2 all hair, 1.6 shoulders.")
    ] = 1.2,
    min_face: Annotated[int, typer.Option(help="Leave out heads smaller than this, in pixels.")] = 48,
    all_faces: Annotated[bool, typer.Option("--all-faces", help="Keep every face of a picture, not the best.")] = False,
    min_score: Annotated[
        Optional[float], typer.Option(help="Score from which the network's boxes count; 0.65.", min=0.01, max=0.99)
    ] = None,
    cascade: Cascade = None,
    licence: Annotated[str, typer.Option(help="Licence of the pictures, if STAGE is a plain folder.")] = "",
) -> None:
    """Find the faces in pictures and cut them out, square, all of one size.

    Ctrl-C stops; the same command goes on. FOLDER/faces.png and FOLDER/boxes.png show the most doubtful first.

    \b
    konomi crop runs/data/collected runs/data/faces --size 128
    konomi crop my-drawings runs/data/faces --all-faces --enlarge 1.6
    konomi crop my-drawings runs/data/faces --detector cascade --cascade lbpcascade_animeface.xml
    """
    from konomi.data.cropping.crop import CropOptions
    from konomi.data.cropping.crop import crop as crop_stage

    options = CropOptions(size, enlarge, min_face, all_faces)
    counts = crop_stage(
        source, folder, open_detector(detector, cascade, min_score), options, licence=licence,
        progress=lambda items, total: following(items, total, what="cropping"),
    )  # fmt: skip
    faces, pictures = counts.pop("faces"), counts.pop("pictures")
    told = ", ".join(f"{n} {what.replace('_', ' ')}" for what, n in counts.items())
    out.print(f"{folder}: {faces} faces of {pictures} pictures ({told})", markup=False)
    out.print(f"{folder / 'faces.png'} and {folder / 'boxes.png'} show them, the most doubtful first", markup=False)


def open_detector(name: str, cascade: Path | None = None, min_score: float | None = None) -> "Detector":
    """What finds heads: a published detector or family, an .onnx file, or the cascade."""
    from konomi.data.cropping.detect import NetworkDetector
    from konomi.models import find_model, open_network, open_published

    if name == "cascade":
        return _open_cascade(cascade)
    opened = open_network(Path(name)) if name.endswith(".onnx") else open_published(find_model(name, kind="detector"))
    return NetworkDetector(*opened, min_score=min_score)


def _open_cascade(path: Path | None) -> "CascadeDetector":
    from konomi.data.cropping.detect import CASCADE_SHA256, CascadeDetector, no_cascade

    if path is None:
        raise no_cascade()
    cascade = CascadeDetector(path)
    if cascade.sha256 != CASCADE_SHA256:
        told = f"{path} is another cascade than ours: its sha256 begins with {cascade.sha256[:12]}"
        err.print(f"note: {told}, not {CASCADE_SHA256[:12]}; its boxes may mean something else", markup=False)
    return cascade


@app.command("train-detector")
def train_detector(
    file: Annotated[Path, typer.Argument(help="The .onnx file to write.")],
    faces: Annotated[list[Path], typer.Argument(help="Folders of pictures of one face each.")],
    cascade: Cascade = None,
    count: Annotated[int, typer.Option(help="Pictures to take of each folder, at most.")] = 6000,
    leave_out: Annotated[str, typer.Option(help="Leave out files whose name begins with one of these letters.")] = "",
    steps: Annotated[int, typer.Option(help="Training steps of 32 windows.")] = 2200,
    licence: Annotated[str, typer.Option(help="Licence of the model, in one line.")] = "not stated",
    threads: Annotated[int, typer.Option(help="CPU threads.", min=1)] = 1,
) -> None:
    """Train the network that 'konomi crop' finds heads with, on scenes composed from faces.

    \b
    konomi train-detector mine.onnx faces/ portraits/ --cascade lbpcascade_animeface.xml
    """
    need("train", "torch", "onnx")
    import torch

    from konomi.model import detector
    from konomi.model.scenes import Composer, choose, read_portraits

    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    options = detector.DetectorOptions(steps=steps)
    portraits = read_portraits(choose(faces, count, leave_out), _open_cascade(cascade), report=out.print)
    composer = Composer(portraits, size=options.scene, seed=options.seed)

    def write(network: detector.HeadFinder, step: int) -> None:
        difference = detector.export_detector(network, file, name=file.stem, licence=licence, options=options)
        size = file.stat().st_size / 1e6
        out.print(f"{file} ({size:.1f} MB) after {step} steps; differs from PyTorch by {difference:.1e}", markup=False)

    write(detector.train_detector(composer, options, report=out.print, keep=write), steps)
