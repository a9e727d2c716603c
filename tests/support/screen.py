"""A terminal that remembers what a program wrote, and wraps long lines anew when it is resized."""

from __future__ import annotations

import re

_TOKENS = re.compile(r"\x1b\[(\??[\d;]*)([A-Za-z])|\x1b\][^\x07]*\x07|([\r\n])|([^\x00-\x1f\x7f]+)")


class Screen:
    """Understands what line-based programs use: CR, LF, cursor up, erasing, wrapping, and colours (ignored).

    Attributes
    ----------
    lines
        Logical lines; a line longer than the window stands in several rows, as terminals that reflow do it.
    widest
        Most cells that were ever written to one line.
    unknown
        Control characters and sequences that it does not know.
    """

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.rows: list[tuple[str, bool]] = [("", False)]
        self.row = self.column = 0
        self.widest = 0
        self.unknown: list[str] = []
        self.cursor_is_hidden = False

    def feed(self, text: str) -> None:
        """Take what a program wrote."""
        position = 0
        for token in _TOKENS.finditer(text):
            self.unknown += text[position : token.start()]
            position = token.end()
            self._take(token)
        self.unknown += text[position:]

    def _take(self, token: re.Match[str]) -> None:
        arguments, command, line_control, written = token.groups()
        if written:
            self._write(written)
        elif line_control == "\r":
            self.column = 0
        elif line_control == "\n":
            self._down(wrapped=False)
        elif command == "A":
            self.row = max(0, self.row - int(arguments or 1))
        elif command == "K" and arguments in {"", "0", "2"}:
            kept = "" if arguments == "2" else self.rows[self.row][0][: self.column]
            self.rows[self.row] = (kept, False)
        elif arguments == "?25" and command in {"h", "l"}:
            self.cursor_is_hidden = command == "l"
        elif command != "m":
            self.unknown.append(token.group())

    def _write(self, text: str) -> None:
        for character in text:
            if self.column == self.columns:
                self.column = 0
                self._down(wrapped=True)
            before, wrapped = self.rows[self.row]
            before = before.ljust(self.column)
            self.rows[self.row] = (before[: self.column] + character + before[self.column + 1 :], wrapped)
            self.column += 1
            self.widest = max(self.widest, self.column)

    def _down(self, *, wrapped: bool) -> None:
        self.rows[self.row] = (self.rows[self.row][0], wrapped)
        self.row += 1
        if self.row == len(self.rows):
            self.rows.append(("", False))

    def resize(self, columns: int) -> None:
        """Give the window another width; rows that were wrapped are joined, and long ones wrapped anew."""
        rows: list[tuple[str, bool]] = []
        line, row, column = "", 0, 0
        for number, (text, wrapped) in enumerate(self.rows):
            if number == self.row:
                position = max(0, len(line) + self.column - 1)
                row, column = len(rows) + position // columns, position % columns + 1
            line += text
            if not wrapped:
                pieces = [line[i : i + columns] for i in range(0, len(line), columns)] or [""]
                rows += [(piece, piece is not pieces[-1]) for piece in pieces]
                line = ""
        self.columns, self.rows, self.row, self.column = columns, rows, row, column

    def text(self) -> list[str]:
        """Rows as they are seen, without empty ones at the end."""
        rows = [text.rstrip() for text, _ in self.rows]
        while rows and not rows[-1]:
            rows.pop()
        return rows
