"""Normalized spelling for final answers that are written differently but mean the same, on any topic.

Models write Unicode (√2, x², 90°, ½), mark answers (**5**, \\boldsymbol{5}, "72,"), group digits (10\\,000)
and write powers of ten as 3e8. None of that is part of the answer. The result is LaTeX that Math-Verify
reads.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

DELIMITERS = (
    ("$$", "$$"),
    ("$", "$"),
    ("\\(", "\\)"),
    ("\\[", "\\]"),
    ("**", "**"),
    ("__", "__"),
    ("*", "*"),
    ("_", "_"),
    ('"', '"'),
    ("`", "`"),
)
"""Math and Markdown marks that may surround an answer."""
LONGEST = 1_000
"""Maximum number of characters of an answer that is normalized; no real answer is longer."""
_SIGNS = {
    **{"×": r"\times ", "⋅": r"\cdot ", "·": r"\cdot ", "∙": r"\cdot ", "÷": "/", "∕": "/", "⁄": "/"},
    **{"−": "-", "–": "-", "‒": "-", "‐": "-", "‑": "-", "—": "-", "±": r"\pm ", "∓": r"\mp ", "∗": "*"},
    **{"≤": r"\le ", "≥": r"\ge ", "⩽": r"\le ", "⩾": r"\ge ", "≠": r"\ne ", "≈": r"\approx "},
    **{"∞": r"\infty ", "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ", "∅": r"\emptyset ", "∖": r"\setminus "},
    **{
        "°": r"^\circ",
        "º": r"^\circ",
        "˚": r"^\circ",
        "∛": r"\sqrt[3]",
        "π": r"\pi ",
        "√": r"\sqrt ",
        "ℝ": r"\mathbb{R}",
        "ℤ": r"\mathbb{Z}",
    },
    **{"α": r"\alpha ", "β": r"\beta ", "γ": r"\gamma ", "θ": r"\theta ", "λ": r"\lambda ", "φ": r"\phi "},
    **{
        "“": "",
        "”": "",
        "‘": "'",
        "’": "'",
        "′": "'",
        "€": "$",
        "£": "$",
        "¥": "$",
        "₹": "$",
        "％": "%",
        "，": ",",
        "。": ".",
    },
    **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\ufe0e\ufe0f✓✔", ""),
}
_SMALL = {sign: str(n) for n, sign in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")} | {"⁺": "+", "⁻": "-", "ⁿ": "n"}
_LOW = {sign: str(n) for n, sign in enumerate("₀₁₂₃₄₅₆₇₈₉")}
_SUPERSCRIPT = re.compile(f"[{''.join(_SMALL)}]+")
_SUBSCRIPT = re.compile(f"[{''.join(_LOW)}]+")
_FRACTION = re.compile("[¼½¾⅐-⅞]")
_THIN = "\u2009\u202f\u2008\u00a0"
"""Thin and other spaces that group digits."""
_BOLD = re.compile(
    r"\\(?:boldsymbol|bm|bf|mathbf|underline|boxed|fbox|large|Large|huge|color\s*\{\w+\}|textcolor\s*\{\w+\})"
    r"\s*\{([^{}]*)\}"
)
_TEXT = re.compile(r"\\(?:text|textbf|textit|textrm|mbox|mathrm|mathit|emph|operatorname)\s*\{([^{}]*)\}")
_RULES = tuple(
    (re.compile(pattern), spelling)
    for pattern, spelling in (
        (r"\\[dtc]frac(?![A-Za-z])", r"\\frac"),
        (r"\\frac\s*([0-9])\s*([0-9])", r"\\frac{\1}{\2}"),
        (r"\\(?:left|right|displaystyle|bigl?|bigr|limits)(?![A-Za-z])", ""),
        (r"\\(?:large|Large|LARGE|huge|Huge|normalsize|checkmark)(?![A-Za-z])|\\\\$", ""),
        (r"(?i)(?<![A-Za-z\\])infinity(?![A-Za-z])", r"\\infty"),
        (r"(?<![A-Za-z\\])(pi|log|ln|sin|cos|tan|sqrt)(?![A-Za-z])", r"\\\1"),
        (r"(?<=[0-9])\s*[xX]\s*(?=10\s*\^)", r" \\times "),
        (r"(?<=[0-9A-Za-z)\]}])\s*\*\*\s*(?=[0-9A-Za-z({\-])", "^"),
        (r"(-?[\w.]+)\s*(?:>|\\gt)\s*([a-z])\s*(?:>|\\gt)\s*(-?[\w.]+)", r"\3 < \2 < \1"),
        (r"(-?[\w.]+)\s*\\geq?\s*([a-z])\s*\\geq?\s*(-?[\w.]+)", r"\3 \\le \2 \\le \1"),
        (r"\\!", ""),  # a negative thin space, as in 10,\!000
        (r"\{,\}", ","),
        (rf"(?<=[0-9])(?:\\,|\\ |\\;|\\:|~|[{_THIN}])(?=[0-9]{{3}}(?![0-9]))", ""),
        (r"(?<!\\)\\[,;: ]|~|\\q?quad(?![A-Za-z])", " "),
        (r"(?<!\\)\\([$%])", r"\1"),
        (r"\\leq(?![A-Za-z])", r"\\le"),
        (r"\\geq(?![A-Za-z])", r"\\ge"),
        (r"\\neq(?![A-Za-z])", r"\\ne"),
        (r"\\(?:varnothing)(?![A-Za-z])", r"\\emptyset"),
        (r"\^\s*\{\s*\\circ\s*\}", r"^\\circ"),
        (r"\\degree(?![A-Za-z])", r"^\\circ"),
        (r"\\sqrt\s*\(([^()]*)\)", r"\\sqrt{\1}"),
        (r"\\sqrt\s+([0-9]+|[A-Za-z])", r"\\sqrt{\1}"),
        (r"\\sqrt\s+(?=[{\[])", r"\\sqrt"),
        (r"\\sqrt\s*\[3\]\s*([0-9]+|[A-Za-z])", r"\\sqrt[3]{\1}"),
        (r"(?i)^(?:\\text\s*\{)?\s*(?:the )?(?:final )?answer(?: is|:)\s*(?:\}|(?![^{]*\}))", ""),
        (r"(?<=[0-9]) \([a-z -]{3,}\)$", ""),
        (r"^(?:USD|US\$|Rs\.?)\s*(?=[0-9])", "$"),
        (r"([0-9)])\s*\*\*\s*(-?[0-9]+)", r"\1^{\2}"),
        (
            r"(?<![A-Za-z0-9.\\_{])((?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))[eE]([+-]?[0-9]+)(?![A-Za-z0-9.])",
            r"\1 \\times 10^{\2}",
        ),
        (r"10\^\{\+", "10^{"),
        (r"([\^_])\s*\{\s*([0-9A-Za-z])\s*\}", r"\1\2"),
        (r"\s+", " "),
    )
)
"""Spellings that mean the same in any context, each with its replacement."""


@lru_cache(maxsize=65_536)
def readable(text: str) -> str:
    """Normalizes an answer's spelling, with words and units still marked as text where they were."""
    if len(text) > LONGEST:
        return text.strip()
    text = _without_unicode(text)
    before = None
    while text != before:
        before = text
        text = _BOLD.sub(r"\1", bare(text))
        for pattern, spelling in _RULES:
            text = pattern.sub(spelling, text)
    return text


@lru_cache(maxsize=65_536)
def plain(text: str) -> str:
    """Normalizes an answer's spelling as plain text, words and units included."""
    before = None
    while text != before:
        before = text
        text = _TEXT.sub(r"\1", readable(text))
    return text


def bare(text: str) -> str:
    """Removes white space, closing punctuation, dollar signs and other marks around a text."""
    before = None
    while text != before:
        before = text
        text = text.strip()
        if text.endswith((".", ",", ";", ":")) and not text.endswith(("..", "\\,", "\\;", "\\:")):
            text = text[:-1]
        for begin, end in DELIMITERS:
            inner = text[len(begin) : -len(end)]
            if text == f"{begin}{inner}{end}" and begin not in inner and not inner.endswith("\\"):
                text = inner
        if text.startswith("{") and text.endswith("}") and _closes(text) == len(text) - 1:
            text = text[1:-1]
    return text


def _closes(text: str) -> int:
    """Returns where the brace that a text begins with is closed; -1 if nowhere."""
    depth = at = 0
    while at < len(text):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            return at
        at += 2 if text[at] == "\\" else 1
    return -1


def _without_unicode(text: str) -> str:
    """Converts a text to ASCII, as far as its signs are mathematical."""
    if text.isascii():
        return text
    text = _SUPERSCRIPT.sub(lambda found: f"^{{{''.join(_SMALL[sign] for sign in found[0])}}}", text)
    text = _SUBSCRIPT.sub(lambda found: f"_{{{''.join(_LOW[sign] for sign in found[0])}}}", text)
    text = _FRACTION.sub(_as_frac, text)
    text = "".join(_SIGNS.get(sign, sign) for sign in text)
    return "".join(sign if sign in _THIN else unicodedata.normalize("NFKC", sign) for sign in text)


def _as_frac(found: re.Match[str]) -> str:
    above, _, below = unicodedata.normalize("NFKC", found[0]).partition("\N{FRACTION SLASH}")
    return f"\\frac{{{above}}}{{{below}}}"
