"""The recipe inside a picture: an XMP packet in PNG and WebP, with IPTC's mark for pictures made by a trained model."""

import io
from pathlib import Path
from xml.etree.ElementTree import ParseError
from xml.sax.saxutils import quoteattr

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from konomi.errors import FileError, InputError
from konomi.files import reporting
from konomi.images import what_is_wrong

FORMATS = ("png", "webp")
NAMESPACE = "https://konomi.invalid/ns/1.0/"  # names the vocabulary; nothing is fetched from it
MADE_BY_AI = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
_PNG_KEY = "XML:com.adobe.xmp"
MAX_BYTES = 64_000_000


def encode(picture: Image.Image, file_format: str, *, recipe: str | None, licence: str = "") -> bytes:
    """The bytes of a PNG or lossless WebP file; with `recipe` (JSON) inside unless it is None."""
    if file_format not in FORMATS:
        raise InputError(f"format is {file_format!r}; choose one of {', '.join(FORMATS)}")
    packet = xmp_packet(recipe, licence) if recipe is not None else None
    buffer = io.BytesIO()
    if file_format == "webp":
        picture.save(buffer, "WEBP", lossless=True, quality=80, method=4, xmp=packet.encode() if packet else b"")
    else:
        info = PngImagePlugin.PngInfo()
        if packet:
            info.add_itxt(_PNG_KEY, packet)
        picture.save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def xmp_packet(recipe: str, licence: str) -> str:
    """An XMP packet that says how the picture was made, by what kind of source, and under which licence."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        ' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/"'
        f' xmlns:konomi="{NAMESPACE}" xmp:CreatorTool="Konomi" Iptc4xmpExt:DigitalSourceType="{MADE_BY_AI}"'
        f" xmpRights:UsageTerms={quoteattr(licence)} konomi:recipe={quoteattr(recipe)}/>"
        '</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    )


def read_recipe(path: Path) -> str:
    """The recipe (JSON text) inside a picture file; a FileError if it is no picture or carries none."""
    with reporting("read", path), path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    return recipe_of(data, name=str(path))


def recipe_of(data: bytes, *, name: str) -> str:
    """The recipe (JSON text) in the bytes of a picture; `name` is for messages."""
    if len(data) > MAX_BYTES:
        raise FileError(f"{name} is larger than {MAX_BYTES // 1_000_000} MB; that is no picture of Konomi")
    try:
        with Image.open(io.BytesIO(data), formats=["PNG", "WEBP"]) as picture:
            picture.load()
            packet = picture.info.get("xmp") or picture.info.get(_PNG_KEY) or ""
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise FileError(f"{name} is not a readable PNG or WebP picture: {what_is_wrong(error)}") from error
    text = packet.decode("utf-8", "replace") if isinstance(packet, bytes) else packet
    try:
        root = fromstring(text) if text else None
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise FileError(f"{name} has damaged metadata: {error}") from error
    for element in root.iter() if root is not None else ():
        if (recipe := element.get(f"{{{NAMESPACE}}}recipe")) is not None:
            return recipe
    raise FileError(f"{name} carries no Konomi recipe; it was not drawn by Konomi, or its metadata was stripped")
