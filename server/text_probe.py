"""A program of its own: reads one file and says what is written in it.

Files come from strangers, and what reads them has faults: whatever goes wrong here ends this process alone,
which has little memory and time. `python -m server.text_probe KIND CHARACTERS` takes the file on standard
input (`pdf`, `docx` or `html`) and answers no more than so many characters of text, in UTF-8.
"""

import io
import resource
import sys
import time
import zipfile
from collections.abc import Iterator
from xml.parsers import expat

MEMORY_BYTES = 768 * 1024 * 1024
CPU_SECONDS = 30
ENOUGH_CPU_SECONDS = 15
"""What was read of a PDF in that time has to do."""

READ_BYTES = 64 * 1024
MOST_XML_BYTES = 256 * 1024 * 1024
_WORDS = "word/document.xml"
_NAMESPACE = "http://schemas.openxmlformats.org/wordprocessingml/2006/main "
_SPACES = {"tab": "\t", "br": "\n", "cr": "\n", "p": "\n"}


def main() -> None:
    """Do it once."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    kind, most = sys.argv[1], int(sys.argv[2])
    data = sys.stdin.buffer.read()
    parts = {"pdf": _read_pdf, "docx": _read_docx, "html": _read_html}[kind](data)
    left = most
    for part in parts:
        # Lone surrogates and NUL are in no text that a database takes.
        said = part[:left].replace("\x00", " ")
        sys.stdout.buffer.write(said.encode("utf-8", "replace"))
        left -= len(said)
        if left <= 0:
            break


def _read_pdf(data: bytes) -> Iterator[str]:
    from pypdf import PdfReader

    for page in PdfReader(io.BytesIO(data)).pages:
        yield page.extract_text() + "\n"
        if time.process_time() > ENOUGH_CPU_SECONDS:
            return


def _read_docx(data: bytes) -> Iterator[str]:
    """Yield the text of a Word document as it is parsed; nothing of it is kept."""
    said: list[str] = []
    is_text = False

    def begin(tag: str, attributes: dict[str, str]) -> None:
        nonlocal is_text
        is_text = tag == _NAMESPACE + "t"

    def end(tag: str) -> None:
        nonlocal is_text
        is_text = False
        if tag.startswith(_NAMESPACE):
            said.append(_SPACES.get(tag.removeprefix(_NAMESPACE), ""))

    def hear(text: str) -> None:
        if is_text:
            said.append(text)

    def refuse(*declaration: object) -> None:
        raise ValueError("a document that declares its own grammar")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler, parser.EndElementHandler = begin, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = hear, refuse
    with zipfile.ZipFile(io.BytesIO(data)) as archive, archive.open(_WORDS) as words:
        read = 0
        while part := words.read(READ_BYTES):
            read += len(part)
            if read > MOST_XML_BYTES:
                return
            parser.Parse(part)
            yield "".join(said)
            said.clear()


def _read_html(data: bytes) -> Iterator[str]:
    from integrations.page_text import read_text

    yield read_text(data, "text/html")


if __name__ == "__main__":
    main()
