"""Elements of a hostile XML file, one by one, by expat with everything dangerous turned off.

No document type is allowed, so there are no entities to expand and nothing outside the file to fetch (billion
laughs, quadratic blow-up, external DTDs). Size, depth, the number of elements and the length of a tag are
limited, since expat keeps each new name for as long as it parses. No tree is built. The text is UTF-8,
whatever the file declares.
"""

import re
from collections.abc import Callable, Sequence
from xml.parsers import expat

from sapwood.errors import MalformedModel
from sapwood.formats import limits

__all__ = ["Begin", "walk_elements"]

Begin = Callable[[Sequence[str], dict[str, str], int], None]
"""Called with the names from the outermost element to this one, its attributes, and its offset."""


def walk_elements(data: memoryview, begin: Begin) -> None:
    """Call ``begin`` at the start of each element, in order.

    Raises:
        MalformedModel: It is no well-formed XML, has a document type, or exceeds a limit.
    """
    if len(data) > limits.MAX_XML_BYTES:
        raise MalformedModel("the XML is too long", offset=0, expected=limits.MAX_XML_BYTES, found=len(data))
    # Attribute values hold no "<", so what follows one up to the next bounds a tag with all its attributes.
    if long := re.search(rb"<[^<]{%d}" % limits.MAX_XML_TAG_BYTES, data):
        raise MalformedModel("a tag is too long", offset=long.start(), expected=limits.MAX_XML_TAG_BYTES)
    # Without interning: a dictionary of all names would grow with a hostile file.
    parser = expat.ParserCreate("UTF-8", intern=None)
    path: list[str] = []
    count = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        path.append(name)
        if count > limits.MAX_XML_ELEMENTS or len(path) > limits.MAX_XML_DEPTH:
            raise MalformedModel("too many elements, or too deep", offset=parser.CurrentByteIndex)
        begin(path, attributes, parser.CurrentByteIndex)

    def refuse(*_: object) -> None:
        raise MalformedModel("a document type is not allowed", offset=parser.CurrentByteIndex)

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: path.pop()
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        reason = expat.errors.messages.get(error.code, "an error")
        raise MalformedModel(f"no well-formed XML: {reason}", offset=max(parser.ErrorByteIndex, 0)) from error
