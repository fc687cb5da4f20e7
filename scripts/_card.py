"""Discord messages as HTML: what a bot sent, in the look of the client that people know. For pictures in the docs."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

__all__ = ["Step", "page"]

_STYLE = """
* { box-sizing: border-box; margin: 0 }
body { font: 15px/1.38 "Noto Sans", "gg sans", "Helvetica Neue", Helvetica, Arial, sans-serif; padding: 18px 16px }
body.dark { --paper: #313338; --card: #2b2d31; --text: #dbdee1; --muted: #949ba4; --line: #3f4147; --strong: #f2f3f5;
  --code: #1e1f22 }
body.light { --paper: #ffffff; --card: #f2f3f5; --text: #313338; --muted: #5c5e66; --line: #d9dbde; --strong: #060607;
  --code: #e3e5e8 }
body { background: var(--paper); color: var(--text) }
.step + .step { margin-top: 20px }
.used { display: flex; gap: 6px; align-items: center; font-size: 13.5px; color: var(--muted); margin: 0 0 3px 20px }
.used::before { content: ""; width: 26px; height: 10px; border: 2px solid var(--line); border-width: 2px 0 0 2px;
  border-radius: 6px 0 0 0; margin: 6px 0 0 }
.used b { color: var(--strong); font-weight: 500 }
.used code { color: #5865f2; background: #5865f226; padding: 0 4px; border-radius: 3px; font: inherit }
.message { display: grid; grid-template-columns: 40px minmax(0, 1fr); gap: 0 14px }
.face { width: 40px; height: 40px; border-radius: 50%; background: linear-gradient(135deg, #8b95ff, #3fd0c0);
  display: grid; place-items: center; color: #fff; font: 600 20px Georgia, serif }
.who { color: var(--strong); font-weight: 600; display: flex; gap: 7px; align-items: center }
.who i { font: 600 10.5px/15px sans-serif; background: #5865f2; color: #fff; border-radius: 4px; padding: 0 4px }
.who time { font-weight: 400; font-size: 12px; color: var(--muted) }
.content { white-space: pre-wrap; overflow-wrap: anywhere }
.embed { background: var(--card); border-inline-start: 4px solid #5865f2; border-radius: 5px; padding: 10px 14px 14px;
  margin-top: 5px; max-width: 520px; font-size: 14px; overflow-wrap: anywhere }
.embed h2 { font-size: 16px; color: var(--strong); margin-bottom: 6px }
.embed p { white-space: pre-wrap }
.fields { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 9px 8px; margin-top: 8px }
.fields div { grid-column: 1 / -1 } .fields .inline { grid-column: auto }
.fields b { display: block; color: var(--strong); font-size: 14px; font-weight: 600 }
.fields > div > span { white-space: pre-wrap; display: block }
.embed img { width: 100%; border-radius: 4px; margin-top: 12px; display: block }
.embed footer { font-size: 12px; margin-top: 9px; color: var(--muted) }
small { font-size: 12px; color: var(--muted) }
code { background: var(--code); border-radius: 4px; padding: 1px 4px; font: 13px "DejaVu Sans Mono", monospace }
.time { background: var(--code); border-radius: 3px; padding: 0 3px }
.row { display: flex; flex-wrap: wrap; gap: 8px; margin-top: 8px }
.row button { border: 0; border-radius: 8px; padding: 7px 15px; color: #fff; font: 500 14px/18px inherit }
.row .s1 { background: #5865f2 } .row .s2 { background: #6d6f78 } .row .s3 { background: #248046 }
.row .s4 { background: #da373c } .row button:disabled { opacity: .45 }
.menu { border: 1px solid var(--line); background: var(--card); border-radius: 8px; padding: 8px 12px; width: 400px;
  max-width: 100%; color: var(--muted); display: flex; justify-content: space-between }
.file { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 11px 14px; margin-top: 6px;
  width: 340px; max-width: 100%; color: #5a9cf8 } .file small { display: block }
.mine { font-size: 12px; color: var(--muted); margin-top: 5px }
"""
_TOKENS = [
    (re.compile(r"&lt;t:(\d+):(\w)&gt;"), lambda m: f'<span class="time">{_moment(int(m[1]), m[2])}</span>'),
    (re.compile(r"`([^`]+)`"), r"<code>\1</code>"),
    (re.compile(r"\*\*(.+?)\*\*", re.S), r"<b>\1</b>"),
    (re.compile(r"\*(.+?)\*", re.S), r"<em>\1</em>"),
    (re.compile(r"^-# (.+)$", re.M), r"<small>\1</small>"),
]
_ESCAPED = re.compile(r"\\(.)")


@dataclass(slots=True)
class Step:
    """What somebody did and what the bot's message then held."""

    person: str
    did: str
    message: Mapping[str, Any]
    files: Mapping[str, bytes] = field(default_factory=dict)


def _moment(seconds: int, style: str) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    if style == "f":
        return f"{moment.day} {moment:%B %Y %H:%M}"
    if style == "d":
        return f"{moment:%d/%m/%Y}"
    days = (datetime.now(UTC) - moment).days
    for length, unit in ((365, "year"), (30, "month"), (1, "day")):
        if days >= length:
            count = days // length
            return f"{count} {unit}{'s' * (count > 1)} ago"
    return "just now" if seconds <= datetime.now(UTC).timestamp() + 5 else "in a moment"


def _marked(text: str) -> str:
    """Discord's markdown, as far as the bot uses it. What it escaped stays literal."""
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(html.escape(match[1]))
        return f"\x00{len(kept) - 1}\x00"

    text = html.escape(_ESCAPED.sub(keep, text).replace("\u200b", ""), quote=False)
    for pattern, shown in _TOKENS:
        text = pattern.sub(shown, text)
    return re.sub(r"\x00(\d+)\x00", lambda m: kept[int(m[1])], text)


def _embed(embed: Mapping[str, Any], files: Mapping[str, bytes]) -> str:
    parts = [f"<h2 dir=auto>{html.escape(embed.get('title') or '')}</h2>"]
    if embed.get("description"):
        parts.append(f"<p dir=auto>{_marked(embed['description'])}</p>")
    fields = embed.get("fields") or []
    if fields:
        shown = "".join(
            f'<div class="{"inline" if f.get("inline") else ""}"><b dir=auto>{_marked(f["name"])}</b>'
            f"<span dir=auto>{_marked(f['value'])}</span></div>"
            for f in fields
        )
        parts.append(f'<div class="fields">{shown}</div>')
    address = (embed.get("image") or {}).get("url", "")
    if address.startswith("attachment://"):
        picture = base64.b64encode(files[address.removeprefix("attachment://")]).decode()
        parts.append(f'<img src="data:image/png;base64,{picture}">')
    if embed.get("footer"):
        parts.append(f"<footer>{html.escape(embed['footer']['text'])}</footer>")
    return f'<div class="embed">{"".join(parts)}</div>'


def _row(row: Mapping[str, Any]) -> str:
    items = []
    for item in row["components"]:
        if item["type"] == 3:
            items.append(f'<div class="menu">{html.escape(item.get("placeholder") or "")}<span>⌄</span></div>')
        else:
            off = " disabled" if item.get("disabled") else ""
            items.append(f'<button class="s{item["style"]}"{off}>{html.escape(item.get("label") or "")}</button>')
    return f'<div class="row">{"".join(items)}</div>'


def _step(step: Step) -> str:
    message = step.message
    shown_in_embed = {(e.get("image") or {}).get("url", "") for e in message["embeds"]}
    files = "".join(
        f'<div class="file">{html.escape(name)}<small>{len(content) / 1024:.1f} KB</small></div>'
        for name, content in step.files.items()
        if f"attachment://{name}" not in shown_in_embed
    )
    did = html.escape(step.did).replace("/", "/", 1)
    return (
        f'<div class="step"><div class="used"><b>{html.escape(step.person)}</b> {did_text(did)}</div>'
        '<div class="message"><div class="face">R</div><div><div class="who">Reverie <i>APP</i>'
        "<time>today</time></div>"
        f'<div class="content">{_marked(message["content"])}</div>'
        f"{''.join(_embed(e, step.files) for e in message['embeds'])}{files}"
        f"{''.join(_row(r) for r in message['components'])}"
        '<div class="mine">👁 Only you can see this · Dismiss message</div></div></div></div>'
    )


def did_text(did: str) -> str:
    """``/command`` as Discord tells that it was used; anything else is a press."""
    return f"used <code>{did}</code>" if did.startswith("/") else f"pressed <code>{did}</code>"


def page(steps: Sequence[Step], look: str) -> str:
    """A page of messages; ``look`` is dark or light."""
    return f"<!doctype html><meta charset=utf-8><style>{_STYLE}</style><body class={look}>{''.join(map(_step, steps))}"
