"""SVG files as elements of a page: no prologue, no metadata, identifiers of their own."""

from __future__ import annotations

import re

from markupsafe import escape


def inline_svg(text: str, alt: str, name: str) -> str:
    """Turn an SVG file into an element for an HTML page: no prologue, no metadata, own ids.

    Parameters
    ----------
    alt : str
        What the figure shows; becomes the accessible label (escaped here).
    name : str
        Prefix that keeps identifiers of several figures on one page apart.
    """
    body = text[text.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>\s*", "", body, flags=re.DOTALL)
    body = re.sub(r"<!--.*?-->\s*", "", body, flags=re.DOTALL)
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    body = re.sub(r'\bid="', f'id="{name}-', body)
    body = body.replace("url(#", f"url(#{name}-")
    body = re.sub(r'xlink:href="#', f'href="#{name}-', body)
    body = body.replace("xlink:href=", "href=")
    body = re.sub(r'\sxmlns(:xlink)?="[^"]*"', "", body)
    body = re.sub(r'\s(version)="1\.1"', "", body, count=1)
    body = re.sub(r'(<svg[^>]*?)\swidth="([\d.]+)pt" height="[\d.]+pt"', r"\1", body, count=1)
    body = re.sub(r"<style[^>]*>.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r"\n\s*", "\n", body)
    return body.replace("<svg", f'<svg role="img" aria-label="{escape(alt)}"', 1).strip()
