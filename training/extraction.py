"""Text out of the formats that documentation is packaged in: dictd and HTML."""

import logging
import string
from html.parser import HTMLParser

logger = logging.getLogger(__name__)

# Entries of a dictionary are a few hundred bytes long; neighbours are joined to this many, so that
# a document is longer than the windows a trainer reads.
ENTRY_BYTES = 4096

_BASE64 = {
    digit: value
    for value, digit in enumerate(
        string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
    )
}


def dictionary_documents(text, index, size=ENTRY_BYTES):
    r"""Cut a dictionary in the format of dictd into documents, at entry boundaries.

    Neighbouring entries are joined until a document holds `size` bytes; entries of one headword
    stay together, so that no headword is on both sides of a split by document. The entries about
    the database itself (``00-database-...``) are left out.

    Parameters
    ----------
    text : bytes
        The dictionary (``.dict``, decompressed). Entries that are not UTF-8 are read as
        Windows-1252, which is what the few of GCIDE are.
    index : str
        The index: headword, offset and length per line, the numbers in base 64.
    size : int, default=4096
        Bytes at which a document is complete.

    Yields
    ------
    tuple of (str, str)
        Byte offset of the first entry, and the text.

    Examples
    --------
    >>> from scalinglaws.training.extraction import dictionary_documents
    >>> text = b"Aback\n   Backwards.\nAbacus\n   A frame.\n"
    >>> list(dictionary_documents(text, "aback\tA\tU\nabacus\tU\tT\n", size=10))
    [('0', 'Aback\n   Backwards.\n'), ('20', 'Abacus\n   A frame.\n')]
    """
    entries = {}
    for line in index.splitlines():
        word, offset, length = line.split("\t")[:3]
        entries.setdefault((_number(offset), _number(length)), word)
    start, parts, length, last, n_other = 0, [], 0, None, 0
    for (offset, n_bytes), word in sorted(entries.items()):
        if word.startswith(("00-", "00database")):
            continue
        entry, is_utf8 = _decode(text[offset : offset + n_bytes])
        entry = entry.strip("\n")
        n_other += not is_utf8
        if not entry:
            continue
        headword = entry.partition("\n")[0].partition("\\")[0].strip().lower()
        if length >= size and headword != last:
            yield str(start), "\n".join(parts)
            parts, length = [], 0
        if not parts:
            start = offset
        parts.append(entry + "\n")
        length, last = length + n_bytes, headword
    if parts:
        yield str(start), "\n".join(parts)
    if n_other:
        logger.info("%d entries are not UTF-8 and were read as Windows-1252", n_other)


def _number(digits):
    value = 0
    for digit in digits:
        value = value * 64 + _BASE64[digit]
    return value


def _decode(raw):
    try:
        return raw.decode("utf-8"), True
    except UnicodeDecodeError:
        return raw.decode("windows-1252"), False


def html_to_text(page, skip=("navheader", "navfooter", "toc")):
    r"""Return the readable text of a page of HTML.

    Parameters
    ----------
    page : str
    skip : tuple of str
        Classes of ``div`` elements to leave out, with all they hold.

    Returns
    -------
    str
        Blocks separated by a blank line, cells by a tab; white space is kept as it is in ``pre``
        and collapsed elsewhere.

    Examples
    --------
    >>> from scalinglaws.training.extraction import html_to_text
    >>> html_to_text('<div class="toc">1. A</div><h2>Locks</h2><p>A <b>lock</b>\n  waits.</p>')
    'Locks\n\nA lock waits.\n'
    """
    reader = _Text(skip)
    reader.feed(page)
    reader.close()
    reader.end_block()
    return "\n\n".join(reader.blocks) + "\n" if reader.blocks else ""


class _Text(HTMLParser):
    """Collect the text of a page in `blocks`."""

    _BLOCKS = frozenset(
        "p div pre table tr ul ol li dl dt dd h1 h2 h3 h4 h5 h6 blockquote hr section".split()
    )
    _HIDDEN = frozenset(("head", "script", "style"))

    def __init__(self, skip):
        super().__init__(convert_charrefs=True)
        self.blocks = []
        self._skip = frozenset(skip)
        self._parts = []
        self._hidden = []
        self._pre = 0

    def end_block(self):
        text = "".join(self._parts)
        self._parts = []
        text = text.strip("\n") if self._pre else text.strip()
        if text:
            self.blocks.append(text)

    def handle_starttag(self, tag, attrs):
        if self._hidden:
            if tag == self._hidden[-1]:
                self._hidden.append(tag)
            return
        classes = (dict(attrs).get("class") or "").split()
        if tag in self._HIDDEN or (tag == "div" and self._skip.intersection(classes)):
            self._hidden.append(tag)
            return
        self._end_if_block(tag)
        if tag == "pre":
            self._pre += 1
        elif tag in ("td", "th") and self._parts:
            self._parts.append("\t")
        elif tag == "br":
            self._parts.append("\n")

    def handle_startendtag(self, tag, attrs):
        if not self._hidden and tag in ("br", "hr"):
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag):
        if self._hidden:
            if tag == self._hidden[-1]:
                self._hidden.pop()
            return
        self._end_if_block(tag)
        if tag == "pre":
            self._pre = max(0, self._pre - 1)

    def handle_data(self, data):
        if self._hidden:
            return
        if not self._pre:
            text = " ".join(data.split())
            before = " " if data[:1].isspace() and self._follows_word() else ""
            after = " " if text and data[-1:].isspace() else ""
            data = before + text + after
        self._parts.append(data)

    def _end_if_block(self, tag):
        if tag == "pre" or (tag in self._BLOCKS and not self._pre):
            self.end_block()

    def _follows_word(self):
        return bool(self._parts) and not self._parts[-1].endswith((" ", "\n", "\t"))
