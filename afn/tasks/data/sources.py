"""Reading the user's data files: torchvision's readers, npz files, folders of pictures.

Every reader gives uint8 images (N, H, W, C) and int64 labels (N,). What is missing or damaged is
one `StudyError` that lists the expected files and where to put them.
"""

from __future__ import annotations

import contextlib
import math
import os
import pickle
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path

import numpy as np

from afn.common.errors import StudyError

Split = tuple[np.ndarray, np.ndarray]
NPZ = "images uint8 (N, H, W, C) and labels int64 (N,)"
_FAULTS = (
    OSError,
    RuntimeError,
    ValueError,
    TypeError,
    LookupError,
    AssertionError,
    EOFError,
    MemoryError,
    HTTPException,
    pickle.UnpicklingError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What the readers of damaged files raise (torchvision's also by assert)."""


def need_folder(data_dir: Path | None, what: str, expected: str) -> Path:
    """Return the data folder, or raise StudyError where the user gave none."""
    if data_dir is None:
        raise StudyError(f"{what} needs --data-dir, a folder with: {expected}")
    return Path(data_dir)


def refuse_special(*files: Path) -> None:
    """Raise StudyError for a pipe, a socket or a device: its reader might wait for ever."""
    for file in files:
        if file.exists() and not (file.is_file() or file.is_dir()):
            raise StudyError(f"{file} is no regular file")


def through_torchvision(
    make: Callable[[bool], object], files: list[Path], what: str, expected: str
) -> object:
    """Open a data set with torchvision's class; download it only if none of its files is there.

    Parameters
    ----------
    make : callable
        Takes ``download`` and returns the data set. It imports torchvision itself.
    files : list of Path
        What the reader reads. If one of them exists, nothing is downloaded over it.
    what, expected : str
        The data set's name, and the files that belong into the data folder, for the message.
    """
    refuse_special(*files)
    new_folders = [f for file in files for f in file.parents if not f.exists()]
    present = [file for file in files if file.exists()]
    absent = [file for file in files if not file.exists()]
    try:
        return make(not present)
    except _FAULTS as error:
        for folder in sorted(set(new_folders), key=lambda f: -len(f.parts)):
            with contextlib.suppress(OSError):  # a failed download leaves empty folders
                folder.rmdir()
        reason = " ".join(str(error).split())[:200]
        if present and absent:
            state = f"is incomplete, {', '.join(map(str, absent))} is missing"
        elif present:
            state = (
                f"in {files[0].parent} cannot be read ({reason}); remove it to download it again"
            )
        else:
            state = f"is not there and could not be downloaded ({reason})"
        raise StudyError(f"{what} {state}. Expected: {expected}") from None


def read_npz(path: Path) -> Split:
    """Read ``images`` and ``labels`` of an npz file; grey images may lack their last axis.

    Raises
    ------
    StudyError
        For a file that cannot be read, does not hold that, or would not fit into memory.
    """
    refuse_special(path)
    try:
        for name in ("images", "labels"):
            _refuse_too_large(path, name)
        with np.load(path, allow_pickle=False) as content:
            images, labels = content["images"], content["labels"]
    except _FAULTS as error:
        raise StudyError(f"{path} cannot be read ({error}); expected: {NPZ}") from None
    images = images[..., None] if images.ndim == 3 else images
    whole = np.issubdtype(labels.dtype, np.integer)
    fits = images.ndim == 4 and labels.shape == images.shape[:1] and images.size
    if images.dtype != np.uint8 or not whole or not fits:
        found = f"{images.dtype} {images.shape}, {labels.dtype} {labels.shape}"
        raise StudyError(f"{path} holds {found}; expected: {NPZ}")
    if images.shape[3] not in (1, 3):
        first = "; the channels come first: numpy.moveaxis(images, 1, -1) puts them last"
        raise StudyError(
            f"{path} holds images {images.shape} with {images.shape[3]} channels; expected: {NPZ} "
            f"with 1 or 3 channels{first if images.shape[1] in (1, 3) else ''}"
        )
    return images, labels.astype(np.int64)


def _refuse_too_large(path: Path, name: str) -> None:
    """Read how large an array of an npz file says it is, before any of it is unpacked."""
    with zipfile.ZipFile(path) as packed, packed.open(f"{name}.npy") as file:
        version = np.lib.format.read_magic(file)
        readers = {(1, 0): np.lib.format.read_array_header_1_0}
        shape, _, dtype = readers.get(version, np.lib.format.read_array_header_2_0)(file)
    size, free = math.prod(shape) * dtype.itemsize, free_memory()
    if size > free:
        raise StudyError(
            f"{path}: its array {name!r} of {dtype} {shape} takes {size / 1e9:,.1f} GB of memory, "
            f"and {free / 1e9:,.1f} GB are free; pictures in folders are read one by one"
        )


def free_memory() -> float:
    """Bytes of main memory that can be had; where the system does not say, all that there is."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        found = dict(line.split(":", 1) for line in lines)
        return 1024.0 * int(found["MemAvailable"].split()[0])
    except (OSError, ValueError, LookupError):
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


def read_mat(path: Path, expected: str) -> Split:
    """Read a MATLAB file in SVHN's format: X (H, W, C, N) uint8, y (N, 1) with 10 for the digit 0.

    For files that torchvision does not know; SVHN itself goes through torchvision.
    """
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    if not path.exists():
        raise StudyError(f"{path} is missing. Expected: {expected}")
    refuse_special(path)
    try:
        content = loadmat(path)
        images, labels = content["X"], content["y"]
    except (*_FAULTS, MatReadError) as error:
        raise StudyError(f"{path} cannot be read ({error}). Expected: {expected}") from None
    images = np.ascontiguousarray(images.transpose(3, 0, 1, 2))
    return images.astype(np.uint8), labels.reshape(-1).astype(np.int64) % 10


def read_pictures(files: list[Path], size: int, channels: int = 3) -> np.ndarray:
    """Decode picture files and resize them to ``size`` x ``size`` (bilinear, antialiased)."""
    from PIL import Image

    images = np.empty((len(files), size, size, channels), np.uint8)
    for row, file in enumerate(files):
        if not file.is_file():
            raise StudyError(f"{file} is no regular file, and so no picture")
        try:
            with Image.open(file) as picture:
                images[row] = _pixels(picture, size, channels)
        except Exception as error:  # decoders of damaged or monstrous files fail in many ways
            raise StudyError(f"{file} is no picture that can be read ({error})") from None
    return images


def _pixels(picture: object, size: int, channels: int) -> np.ndarray:
    from PIL import Image

    if picture.mode.startswith(("I", "F")):  # type: ignore[attr-defined]
        # Brought to eight bits, everything above 255 would be white.
        raise ValueError(f"its pixels are of mode {picture.mode}; expected: 8 bits per channel")  # type: ignore[attr-defined]
    picture = picture.convert("RGB" if channels == 3 else "L")  # type: ignore[attr-defined]
    if picture.size != (size, size):  # type: ignore[attr-defined]
        picture = picture.resize((size, size), Image.Resampling.BILINEAR)  # type: ignore[attr-defined]
    return np.asarray(picture).reshape(size, size, channels)


def resize(images: np.ndarray, size: int, channels: int = 3) -> np.ndarray:
    """Bring uint8 (N, H, W, C) to ``size`` (bilinear, antialiased) and to 1 or 3 channels."""
    from PIL import Image

    if images.shape[1:3] != (size, size):
        changed = np.empty((len(images), size, size, images.shape[3]), np.uint8)
        for row, image in enumerate(images):
            picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
            picture = picture.resize((size, size), Image.Resampling.BILINEAR)
            changed[row] = np.asarray(picture).reshape(changed.shape[1:])
        images = changed
    if images.shape[3] == 1 and channels == 3:
        images = np.repeat(images, 3, axis=3)
    if images.shape[3] != channels:
        raise StudyError(f"images have {images.shape[3]} channels; {channels} are asked for")
    return images
