"""The claims ledger as a page: a table that can be sorted and filtered, and read without either.

The table is plain HTML. ``book/styles/ledger.js`` adds buttons to it in the book; without scripts
it is a table with all its rows, and on a narrow screen a list of cards.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from html import escape
from typing import Any

import pandas as pd
from IPython.display import HTML

from boneage_lib.paper import Verdict
from boneage_lib.report.run import project_root
from boneage_lib.report.tables import show

NEEDS = {
    "arithmetic": "arithmetic and labels",
    "networks": "the networks, built",
    "run": "radiographs",
}
#: Columns by their heading: what the script sorts by is their text, or their rank for verdicts.
HEADINGS = ("What the paper says", "Measured", "Verdict", "Why")


def verdict_counts(rows: pd.DataFrame) -> Any:
    """How many rows have which verdict, by what they need.

    Args:
        rows: of the ledger, with ``needs`` and ``verdict``.
    """
    order = [verdict.value for verdict in Verdict]
    counts = pd.crosstab(rows["needs"], rows["verdict"]).reindex(
        index=[needs for needs in NEEDS if needs in set(rows["needs"])],
        columns=order,
        fill_value=0,
    )
    counts.loc["all"] = counts.sum()
    counts.index = pd.Index([NEEDS.get(name, name) for name in counts.index], name="decided by")
    counts.columns.name = None
    return show(counts, "Rows of the ledger by verdict.")


def show_ledger(rows: pd.DataFrame, caption: str, of: str = "") -> HTML:
    """The ledger as one table in a notebook; see `ledger_html`."""
    return HTML(ledger_html(rows, caption, of))


def ledger_html(rows: pd.DataFrame, caption: str, of: str = "") -> str:
    """HTML of the ledger; all text is escaped, and every row has an address, see `claim_anchor`.

    Args:
        rows: as `boneage_lib.paper.ledger` gives them.
        caption: a sentence.
        of: the study, for the second ledger of a page.
    """
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in HEADINGS)
    body = "".join(_row({str(k): v for k, v in row.items()}, of) for row in rows.to_dict("records"))
    return (
        '<div class="ledger">'
        f"<table><caption>{escape(caption, quote=False)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def claim_anchor(claim: str, of: str = "") -> str:
    """Where on its page a claim's row stands: ``claim-<id>``, in a second ledger with its study."""
    return f"claim-{claim}" + (f"-of-{of}" if of else "")


def _row(row: Mapping[str, Any], of: str) -> str:
    name, verdict = escape(str(row["id"])), Verdict(row["verdict"])
    anchor = escape(claim_anchor(str(row["id"]), of))
    rank = list(Verdict).index(verdict)
    word = verdict.value.split()[0]
    cells = (
        f'<a class="claim-id" href="#{anchor}">{name}</a> '
        f'<span class="place">{escape(str(row["place"]))}</span> '
        f"<span>{escape(str(row['statement']))}</span>",
        f"<span>{escape(str(row['measured']))}</span> "
        f'<span class="test">Tested by: {escape(str(row["test"]))}</span> '
        f'<span class="where">Where: {_link(row)}</span>',
        f'<span class="verdict verdict-{word}">{escape(verdict.value)}</span>',
        escape(str(row["reason"])),
    )
    tags = "".join(
        f'<td data-label="{escape(heading)}"{_sort_key(heading, rank)}>{cell}</td>'
        for heading, cell in zip(HEADINGS, cells, strict=True)
    )
    return f'<tr id="{anchor}" data-verdict="{escape(verdict.value)}">{tags}</tr>'


def _sort_key(heading: str, rank: int) -> str:
    return f' data-sort="{rank}"' if heading == "Verdict" else ""


def _link(row: Mapping[str, Any]) -> str:
    """A link to the cell that measured a row, on another page of the book or this one."""
    place = str(row["measured_in"])
    if not place:
        return "in this row alone"
    notebook, _, anchor = place.partition("#")
    number = notebook.partition("_")[0]
    target = f"{notebook}.html" + (f"#{anchor}" if anchor else "")
    words = parts_of(notebook).get(anchor, anchor)
    return f'<a href="{escape(target)}">{escape(f"{number}: {words}")}</a>'


@cache
def parts_of(notebook: str) -> dict[str, str]:
    """What the parts of a notebook are called: its title under "", headings and figures by anchor.

    Args:
        notebook: its name, such as ``09_claims``.
    """
    text = (project_root() / "notebooks" / f"{notebook}.py").read_text(encoding="utf-8")
    headings = re.findall(r"^# #+ (.+)$", text, re.M)
    parts = {re.sub(r"[^\w]+", "-", words.lower()).strip("-"): words for words in headings}
    figures = re.findall(r'"figure": \{"name": "([^"]+)", "caption": "([^"]+)"', text)
    parts |= {name: caption.rstrip(".") for name, caption in figures}
    return {"": headings[0], **parts}
