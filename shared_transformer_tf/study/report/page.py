"""A report as one HTML file: nothing is fetched, nothing runs."""

import base64
import html
import pathlib
import re

import markdown

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff;
  max-width: 60rem; margin: 0 auto; padding: 1rem; overflow-wrap: break-word; }
h1 { font-size: 1.6rem; line-height: 1.2; }
h2 { font-size: 1.25rem; margin-top: 2.5rem; border-bottom: 1px solid #ccc; }
table { display: block; overflow-x: auto; border-collapse: collapse;
  font-size: 0.85rem; margin: 1rem 0; }
th, td { border-bottom: 1px solid #ddd; padding: 0.3rem 0.45rem;
  vertical-align: top; }
th { border-bottom: 2px solid #888; }
td:first-child { min-width: 6rem; }
@media (max-width: 45rem) { td[style*=right] { white-space: nowrap; } }
code { font-size: 0.9em; background: #f3f3f3; padding: 0 0.2em; }
img { max-width: 100%; height: auto; display: block; margin: 1rem auto; }
nav ul { padding-left: 1.2rem; }
summary { cursor: pointer; }
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
  nav { display: none; }
  table { display: table; font-size: 7pt; width: 100%; }
  th, td { padding: 0.1rem 0.25rem; }
  img, tr { break-inside: avoid; }
  h2 { break-after: avoid; }
  details::details-content { content-visibility: visible; }
}
"""
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""
CONTENTS = "[TOC]"


def render(text: str, title: str, folder: pathlib.Path) -> str:
    """Returns the page of a Markdown text.

    Args:
        text: Markdown; `[TOC]` becomes the table of contents.
        title: of the window.
        folder: where the text's pictures lie; they become part of the page.
    """
    body = markdown.markdown(
        text,
        extensions=["tables", "toc", "md_in_html"],
        extension_configs={"toc": {"toc_depth": "2-2", "marker": CONTENTS}},
        output_format="html",
    )
    body = body.replace('<div class="toc">', "<nav>").replace(
        "</ul>\n</div>", "</ul>\n</nav>", 1
    )

    def embedded(match: re.Match) -> str:
        picture = base64.b64encode((folder / match[2]).read_bytes()).decode()
        return f'{match[1]}src="data:image/png;base64,{picture}"'

    body = re.sub(r'(<img [^>]*)src="([\w-]+\.png)"', embedded, body)
    return _PAGE.format(title=html.escape(title), style=_STYLE, body=body)
