"""A program of its own: reads one image and says how large it is, with a small picture of it.

Images come from strangers, and decoders have faults: whatever goes wrong here ends this process alone, which
has little memory and time. `python -m server.image_probe PIXELS SIDE` takes the image on standard input and
answers `WIDTH HEIGHT` on a line, then a WebP picture with no side longer than `SIDE`.
"""

import io
import resource
import sys

from PIL import Image, ImageOps

MEMORY_BYTES = 768 * 1024 * 1024
CPU_SECONDS = 10
ORIENTATION = 0x0112
LYING = (5, 6, 7, 8)
"""EXIF orientations of a picture that lies on its side."""

FORMATS = ("PNG", "JPEG", "GIF", "WEBP")


def main() -> None:
    """Do it once."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    pixels, side = (int(argument) for argument in sys.argv[1:])
    Image.MAX_IMAGE_PIXELS = pixels
    with Image.open(io.BytesIO(sys.stdin.buffer.read()), formats=FORMATS) as image:
        if image.width * image.height > pixels:
            sys.exit("too many pixels")
        width, height = image.size
        if image.getexif().get(ORIENTATION, 1) in LYING:
            width, height = height, width  # as people see it
        image.draft("RGB", (side, side))
        picture = ImageOps.exif_transpose(image)
        picture.thumbnail((side, side))
        if picture.mode not in ("RGB", "RGBA"):
            picture = picture.convert("RGBA")
        encoded = io.BytesIO()
        picture.save(encoded, "WEBP", quality=80)
    sys.stdout.buffer.write(b"%d %d\n" % (width, height) + encoded.getvalue())


if __name__ == "__main__":
    main()
