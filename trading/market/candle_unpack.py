"""The bytes of a candle file, unpacked where they are gzip or a ZIP archive of one file."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from pathlib import Path

from trading.domain.errors import InvalidInput

_GZIP_MAGIC = b"\x1f\x8b"
_ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")  # the second is that of an archive without files
_ENCRYPTED = 0x1
_ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ZIP_CONTENT_BYTES_MAX = 1 << 30
"""The largest file that is taken out of a ZIP archive: some 15 years of 1-minute candles."""


def unpacked(path: Path) -> bytes:
    """The file's bytes; of a gzip file or a ZIP archive, what is in it.

    Raises:
        InvalidInput: it cannot be read, is damaged, or is an archive of none or several files; names the file.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidInput("candle file", str(path), f"a file that can be read ({error.strerror})") from error
    if content.startswith(_GZIP_MAGIC):
        return _gunzipped(content, path.name)
    if content.startswith(_ZIP_MAGICS):
        return _unzipped(content, path.name)
    return content


def _gunzipped(content: bytes, name: str) -> bytes:
    try:
        return gzip.decompress(content)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InvalidInput(name, "damaged gzip", f"a whole gzip file ({error})") from error


def _unzipped(content: bytes, name: str) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.read(_only_file(archive, name))
    # NotImplementedError: a damaged header asks for a version or a method of packing that does not exist.
    except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError) as error:
        raise InvalidInput(name, "damaged ZIP", f"a whole ZIP archive ({error})") from error


def _only_file(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    files = [info for info in archive.infolist() if not info.is_dir()]
    if len(files) != 1:
        held = ", ".join(info.filename for info in files[:3]) + (", ..." if len(files) > 3 else "")
        raise InvalidInput(name, f"a ZIP archive of {len(files)} files ({held})", "a ZIP archive of one file")
    only = files[0]
    if only.flag_bits & _ENCRYPTED:
        raise InvalidInput(name, "an encrypted ZIP archive", "one without a password")
    if only.compress_type not in _ZIP_METHODS:
        raise InvalidInput(name, f"a ZIP archive packed by method {only.compress_type}", "stored or deflated")
    if only.file_size > ZIP_CONTENT_BYTES_MAX:
        raise InvalidInput(name, f"{only.file_size} bytes unpacked", f"at most {ZIP_CONTENT_BYTES_MAX}")
    return only
