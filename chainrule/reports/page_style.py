"""The style sheet of pages in a browser, for light and dark mode and for wide and narrow screens."""

STYLE = """
:root { color-scheme: light dark; --ink: #222; --faint: #666; --ground: #fff; --shade: #f4f4f2; --line: #d8d8d4 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6e3; --faint: #a5a5a0; --ground: #191918; --shade: #262624; --line: #43433f }
}
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1rem; max-width: 48rem; color: var(--ink); background: var(--ground);
  font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: break-word }
h1 { font-size: 1.9rem; line-height: 1.2 }
h2 { font-size: 1.4rem; margin-top: 2.8rem; border-bottom: 1px solid var(--line) }
h3 { font-size: 1.1rem; margin-top: 2rem }
pre, code { font-family: ui-monospace, monospace; font-size: 0.92em; background: var(--shade); border-radius: 3px }
code { padding: 0.1em 0.3em }
pre { padding: 0.7rem 0.9rem; overflow-x: auto }
.formula { text-align: center; font-size: 1.1rem; overflow-x: auto }
sub, sup { line-height: 0; font-size: 0.75em }
nav { line-height: 1.9 }
nav a { white-space: nowrap; margin-right: 1.2rem }
.wide { overflow-x: auto; background:
  linear-gradient(to right, var(--ground) 50%, transparent) -2px 0 / 2.4rem 100% no-repeat local,
  linear-gradient(to left, var(--ground) 50%, transparent) calc(100% + 2px) 0 / 2.4rem 100% no-repeat local,
  linear-gradient(to right, var(--line), transparent) 0 0 / 1rem 100% no-repeat,
  linear-gradient(to left, var(--line), transparent) 100% 0 / 1rem 100% no-repeat }  /* shades where more is hidden */
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { padding: 0.35rem 0.45rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top }
th { border-bottom-width: 2px; vertical-align: bottom; font-size: 0.92em }
.number { text-align: right }
td.number { white-space: nowrap }
@media (max-width: 36rem) { table { font-size: 0.8rem } th, td { padding: 0.25rem } td.number { white-space: normal } }
figcaption { color: var(--faint); font-size: 0.92rem; margin: 0.4rem 0 }
figure { margin: 1.6rem 0 }
figure img { max-width: 100%; height: auto; display: block; background: #fff; border-radius: 4px }
"""
