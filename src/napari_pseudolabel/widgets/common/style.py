"""Colours of the docks, taken from napari's theme so that they fit light and dark."""

from __future__ import annotations

from typing import Any

from napari.settings import get_settings
from napari.utils.theme import get_theme
from qtpy.QtWidgets import QWidget


def style_sheet(theme: str) -> str:
    """Style sheet of a dock; adds to napari's own what that has no name for.

    Object names: ``main`` for the one main button, ``muted`` for explanations, ``warning`` for what
    the person should see, ``problem`` for the frame around an error, ``segment`` for buttons of which one is
    chosen, ``tool`` for buttons with an icon above a word, ``name`` for a name that can
    be edited, ``small`` for buttons that should not stand out, ``fold`` for the heading
    of a `Collapsible`.
    """
    colours = get_theme(theme)
    text, background = _hex(colours.text), _hex(colours.background)
    muted = _mix(text, background, 0.72)
    # Warnings of napari's themes are orange on both; the light theme needs a darker one to be readable.
    warning = "#e0a030" if colours.type == "dark" else "#8a5200"
    error = "#e06060" if colours.type == "dark" else "#b02020"
    blue = "#0072b2"
    # Words under icons are smaller than all others, whatever size the person has chosen for those.
    size = get_settings().appearance.font_size
    caption = 0.75 * size
    return f"""
    QPushButton#main {{ background-color: {blue}; color: white; font-weight: bold; padding: 6px; }}
    QPushButton#main:hover {{ background-color: #1086c8; }}
    QPushButton#main:disabled {{
        background-color: {_hex(colours.foreground)}; color: {muted}; border: 0px; font-weight: normal;
    }}
    QPushButton#segment:checked {{ background-color: {blue}; color: white; }}
    QPushButton#small {{ padding: 1px 6px; }}
    QLineEdit#name {{ font-size: {size}pt; }}
    QLineEdit#name[readOnly="true"] {{ background-color: transparent; border: 0px; }}
    QToolButton#tool {{ padding: 2px 0px; font-size: {caption:g}pt; border-radius: 2px; background-color: {_hex(colours.foreground)}; }}
    QToolButton#tool:hover {{ background-color: {_hex(colours.highlight)}; }}
    QToolButton#tool:checked {{ background-color: {blue}; }}
    QPushButton#fold {{ background-color: transparent; border: 0px; text-align: left; padding: 2px 4px; }}
    QPushButton#fold:hover, QPushButton#fold:focus {{ color: {_hex(colours.text)}; text-decoration: underline; }}
    QPushButton#link {{ background-color: transparent; text-decoration: underline; padding: 2px; }}
    QLabel#muted {{ color: {muted}; background-color: transparent; }}
    QLabel#warning {{ color: {warning}; background-color: transparent; }}
    QLabel#done {{ background-color: transparent; }}
    QFrame#problem {{ border: 1px solid {error}; border-radius: 3px; }}
    QFrame#problem QLabel {{ border: 0px; }}
    QProgressBar {{ color: {text}; }}
    QProgressBar::chunk {{ background-color: {blue}; }}
    """


def polish(widget: QWidget) -> None:
    """Draw a widget as its object name says now."""
    if (style := widget.style()) is not None:
        style.polish(widget)


def _hex(colour: Any) -> str:
    return str(colour.as_hex("long"))[:7]


def _mix(one: str, other: str, share: float) -> str:
    pairs = ((int(one[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(a * share + b * (1 - share)):02x}" for a, b in pairs)
