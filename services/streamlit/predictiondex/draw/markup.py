"""Text that is markup, and text that is not: what is no `Markup` is escaped when it is put into some."""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape


class Markup(str):
    """HTML or SVG that is safe to show as it is."""

    __slots__ = ()


Text = str | Markup


def safe(text: Text) -> Markup:
    """The text as markup."""
    return text if isinstance(text, Markup) else Markup(escape(text))


def join(parts: Iterable[Text], between: str = "") -> Markup:
    """Several pieces one after the other."""
    return Markup(between.join(safe(part) for part in parts))


def tag(name: str, *content: Text, **attributes: str) -> Markup:
    """An element. `cls` stands for `class`; underscores in names stand for hyphens."""
    written = "".join(
        f' {"class" if key == "cls" else key.replace("_", "-")}="{escape(value)}"' for key, value in attributes.items()
    )
    return Markup(f"<{name}{written}>{join(content)}</{name}>")


def picture(svg: Markup, alternative: str) -> Markup:
    """SVG as an image, since Streamlit takes no SVG among HTML; `alternative` says it in words."""
    data = b64encode(svg.encode()).decode()
    return Markup(f'<img class="pd-picture" alt="{escape(alternative)}" src="data:image/svg+xml;base64,{data}">')


def table(caption: str, head: Sequence[Text], rows: Iterable[Sequence[Text]], *, numbers: Sequence[int] = ()) -> Markup:
    """A table whose first column names the row; `numbers` are the columns that hold numbers. It scrolls on its own."""
    align = [("pd-number" if column in numbers else "") for column in range(len(head))]
    heads = join(tag("th", text, scope="col", cls=align[i]) for i, text in enumerate(head))
    body = join(
        tag(
            "tr",
            *(
                tag("th", text, scope="row") if i == 0 else tag("td", text, cls=align[i]) if align[i] else tag("td", text)
                for i, text in enumerate(row)
            ),
        )
        for row in rows
    )
    content = tag("table", tag("thead", tag("tr", heads)), tag("tbody", body), cls="pd-table", aria_label=caption)
    return framed(content, caption)


def framed(content: Markup, title: str, *, whole: bool = False) -> Markup:
    """A table under its title, in a region that scrolls by itself, also by keyboard; `whole` leaves it its height."""
    scroll = tag(
        "div", content, cls="pd-scroll pd-whole" if whole else "pd-scroll", role="region", aria_label=title, tabindex="0"
    )
    return tag("figure", tag("figcaption", title), scroll, cls="pd-frame")
