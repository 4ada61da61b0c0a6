"""A stock Tiptap editor reads what is written here, and what it writes is read here."""

import base64
import json
import subprocess
from typing import Any

import pycrdt
import pytest

from blocks.html_reader import from_html
from blocks.html_writer import to_html
from blocks.markdown_reader import from_markdown
from blocks.richtext import read_fragment
from blocks.tree import Element, to_json
from tests.blocks.rich_texts import fragment_of
from tests.clients.driver import FOLDER, NODE

pytestmark = pytest.mark.node

EVERYTHING = """\
# Zürich — 東京 🗼 **b** *i* ~~s~~ `c` <u>u</u> <mark>h</mark> ***bi***

@[Zoë](user:u1) @[Scout](agent:a1) #[Plan](page:p1) 👩‍👩‍👧‍👦 [l](https://x.y "t")\\
next **[bl](x)** [`cl`](y) **`x`**

&nbsp;

- a
  1. b

     > q
- # h
- ![i](k)

3. three

- [ ] to do
  - [x] nested
- [x] done

```python
print("π")
```

| a | b |
| :-- | --: |
| 1 | **2** 🙂 |

___

![alt](pic.png "title")

<img src="sized.png" alt="" width="30">

text ![in](x) text

<table><tr><td colspan="2"><ul><li>x</li></ul></td></tr></table>
"""
"""Every node and every mark, and what Markdown says that no editor takes as it is."""


def ask_editor(tree: Element) -> dict[str, Any]:
    doc = pycrdt.Doc[Any]()
    fragment_of(tree, doc)
    question = {"update": base64.b64encode(doc.get_update()).decode(), "tree": to_json(tree)}
    answer = subprocess.run(
        [NODE, FOLDER / "rich_text.mjs"],
        input=json.dumps(question).encode(),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert answer.returncode == 0, answer.stderr.decode()
    return json.loads(answer.stdout)


def test_an_editor_takes_whole_what_is_written_and_would_write_it_alike():
    tree = from_markdown(EVERYTHING)
    answer = ask_editor(tree)
    assert answer["edits"] == 0
    assert len(set(answer["xml"])) == 1


def test_what_an_editor_writes_is_read_alike():
    tree = from_markdown(EVERYTHING)
    doc = pycrdt.Doc[Any]()
    doc.apply_update(base64.b64decode(ask_editor(tree)["update"]))
    assert read_fragment(doc.get("body", type=pycrdt.XmlFragment)) == tree


def test_an_editor_takes_what_is_read_of_html():
    tree = from_html(
        to_html(from_markdown(EVERYTHING)) + "<li>stray<div>x<p>y</div><td>z<h2>a<img src=b>c</h2>"
    )
    answer = ask_editor(tree)
    assert answer["edits"] == 0
    assert len(set(answer["xml"])) == 1
