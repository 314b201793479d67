"""Which figures need not be written again: those whose content and drawing code are the same.

In: a drawn figure with its numbers, and the list that an earlier call wrote beside the files. Out:
a key of all that its files are made from, and whether files of the same key lie there unchanged.
Called by `analysis.figures.making`. Writing a figure in three formats takes longer than everything
before it; what is compared is what is drawn, so a changed decision or image is never missed.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import Collection
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

from afn.common.files import sha256_of
from analysis.figures.drawing import cells
from analysis.figures.drawing.picture import Picture

ROOMS = [Path(__file__).parents[1], Path(__file__).parents[2] / "display"]


def key(picture: Picture) -> str:
    """Hash of a picture's numbers, of every mark of its figure, and of the code that draws."""
    digest = hashlib.sha256(code().encode())
    digest.update(picture.name.encode())
    digest.update(picture.numbers.to_csv(index=False).encode())
    digest.update(repr(sorted(cells.of(picture.figure).items())).encode())
    digest.update(repr(picture.figure.get_size_inches().tolist()).encode())
    for artist in picture.figure.findobj():
        digest.update(_content(artist))
    return digest.hexdigest()


def kept(folder: Path, before: dict[str, Any], name: str, wanted: str) -> dict[str, str] | None:
    """The files of an earlier figure of the same key, if they are as they were written."""
    for made in before.get("made", []):
        if made.get("name") == name and made.get("key") == wanted:
            files, hashes = made["files"], before.get("sha256", {})
            same = [
                (folder / Path(file).name).is_file()
                and sha256_of(folder / Path(file).name) == hashes.get(file)
                for file in files.values()
            ]
            return files if all(same) else None
    return None


@functools.cache
def code() -> str:
    """Hash of all code that draws, and of matplotlib's version."""
    digest = hashlib.sha256(matplotlib.__version__.encode())
    for file in sorted(path for room in ROOMS for path in room.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _content(artist: Artist) -> bytes:
    """What an artist draws, as bytes; containers and ticks follow from what they hold."""
    parts: list[Any] = [type(artist).__name__, artist.get_visible(), artist.get_alpha()]
    if isinstance(artist, Line2D):
        parts += [artist.get_xydata().tobytes(), artist.get_color(), artist.get_linestyle()]
        parts += [artist.get_marker(), artist.get_markerfacecolor(), artist.get_linewidth()]
        parts += [artist.get_markersize()]
    elif isinstance(artist, Text):
        parts += [artist.get_text(), artist.get_position(), artist.get_color()]
        parts += [artist.get_fontsize(), artist.get_weight()]
    elif isinstance(artist, Collection):
        parts += [path.vertices.tobytes() for path in artist.get_paths()]
        parts += [artist.get_facecolor().tobytes(), np.asarray(artist.get_offsets()).tobytes()]
        parts += [np.asarray(artist.get_edgecolor()).tobytes()]
    elif isinstance(artist, AxesImage):
        parts += [np.ma.getdata(artist.get_array()).tobytes(), artist.get_extent()]
    elif isinstance(artist, Patch):
        parts += [artist.get_path().vertices.tobytes(), artist.get_facecolor()]
        parts += [artist.get_transform().transform(artist.get_path().vertices).tobytes()]
    elif isinstance(artist, Axes):
        parts += [artist.get_xlim(), artist.get_ylim(), artist.get_position().bounds]
        parts += [artist.get_xscale(), artist.get_yscale()]
    return repr(parts).encode()
