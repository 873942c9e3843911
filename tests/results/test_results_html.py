"""Tables in notebooks."""

from __future__ import annotations

import re

from rxcore.results import html


def test_every_text_is_escaped():
    shown = html.table(["<b>"], ["a&b"], [["<script>"]], caption="<i>")
    for raw in ("<b>", "<script>", "<i>"):
        assert raw not in shown
    assert "&lt;script&gt;" in shown
    assert "a&amp;b" in shown
    assert "&lt;i&gt;" in shown
    assert html.lines(["<i>", "b"]).endswith(">&lt;i&gt;\nb</pre>")


def test_colours_are_those_of_the_page():
    shown = html.table(["a", "b"], ["n"], [["1", "2"]]) + html.lines(["x"])
    # Text and ground are inherited; what is drawn is a shade that shows on light and on dark pages.
    assert set(re.findall(r"(?<![-\w])color:([^;\"]+)", shown)) == {"inherit"}
    assert set(re.findall(r"background:([^;\"]+)", shown)) <= {"transparent", "rgba(128,128,128,0.10)"}


def test_a_table_has_a_row_for_each_label_and_a_cell_for_each_column():
    shown = html.table(["a", "b"], ["n", "m"], [["1", "2"], ["3", "4"]])
    assert re.findall(r"<td[^>]*>(.*?)</td>", shown) == ["1", "3", "2", "4"]
    assert shown.count("<tr") == 3
