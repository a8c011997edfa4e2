"""How the page looks: one style sheet for everything that is drawn as HTML. No rule hides what the keyboard reaches."""

from predictiondex.draw import colours

STYLE = f"""<style>
[data-testid="stMainBlockContainer"] {{ max-width: 68rem; padding-top: 4.2rem; padding-bottom: 3rem; }}
[data-testid="stMainBlockContainer"] h1 {{ font-size: 1.7rem; padding: 0; }}
[data-testid="stMainBlockContainer"] h2 {{ font-size: 1.5rem; }}
[data-testid="stMainBlockContainer"] h3 {{ font-size: 1.25rem; }}
.stMultiSelect [data-rac], [data-testid="stMultiSelectTagsContainer"] {{ max-height: none; }}
.pd-line a {{ color: {colours.BLUE}; }}
@media (max-width: 40rem) {{ [data-testid="stMainBlockContainer"] {{ padding-left: 1rem; padding-right: 1rem; }} }}
.pd-card {{ border: 1px solid {colours.LINES}; border-radius: 14px; padding: 1rem 1.2rem 1.1rem; background: #fff;
  box-shadow: 0 1px 4px rgba(20, 24, 40, .07); color: {colours.INK}; max-width: 46rem; margin: 0 auto; }}
.pd-verdict {{ text-align: center; font-size: 1.35rem; font-weight: 700; margin-bottom: .8rem; }}
.pd-sides {{ display: flex; justify-content: space-between; gap: 1rem; }}
.pd-side:last-child {{ text-align: right; }}
.pd-name {{ font-weight: 650; font-size: 1.05rem; overflow-wrap: anywhere; }}
.pd-odds {{ font-size: 2rem; font-weight: 750; line-height: 1.25; font-variant-numeric: tabular-nums; white-space: nowrap; }}
.pd-a {{ color: {colours.RED}; }} .pd-b {{ color: {colours.BLUE}; }}
.pd-bar {{ display: flex; height: 18px; border-radius: 9px; overflow: hidden; background: {colours.BLUE};
  margin: .55rem 0 .9rem; }}
.pd-bar > div {{ background: {colours.RED}; border-right: 3px solid #fff; }}
.pd-move {{ color: {colours.MUTED}; font-size: .92rem; }} .pd-move b {{ color: {colours.INK}; }}
.pd-type {{ display: inline-block; color: #fff; font-size: .78rem; font-weight: 650; border-radius: 6px;
  padding: .06rem .5rem;
  margin: .1rem .25rem .1rem 0; white-space: nowrap; }}
.pd-measure {{ white-space: nowrap; }}
.pd-under {{ display: block; color: {colours.MUTED}; font-size: .84rem; font-weight: 400; }}
.pd-card .pd-note:last-child {{ margin-bottom: 0; }}
.pd-note {{ color: {colours.MUTED}; font-size: .88rem; margin: .4rem 0; }}
.pd-center {{ text-align: center; }}
.pd-scroll {{ overflow: auto; max-width: 100%; max-height: 36rem; background: #fff; }}
.pd-whole {{ max-height: none; }}
.pd-scroll:focus-visible {{ outline: 3px solid {colours.BLUE}; outline-offset: -3px; }}
.pd-table {{ border-collapse: separate; border-spacing: 0; width: 100%; font-size: .92rem; color: {colours.INK}; margin: 0; }}
.pd-frame {{ margin: 0; border: 1px solid {colours.LINES}; border-radius: 10px; background: #fff; overflow: hidden; }}
.pd-frame figcaption {{ font-weight: 650; padding: .55rem .7rem .5rem; color: {colours.INK}; font-size: .95rem; }}
.pd-table th, .pd-table td {{ padding: .32rem .7rem; border: 0; border-top: 1px solid {colours.LINES}; text-align: left; }}
.pd-table thead th {{ position: sticky; top: 0; background: #f3f5f9; font-weight: 600; color: {colours.MUTED};
  white-space: nowrap;
  z-index: 2; }}
.pd-table tbody th {{ font-weight: 600; }}
.pd-table .pd-number {{ text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }}
.pd-table a {{ color: {colours.BLUE}; }}
.pd-grid {{ width: auto; min-width: 100%; }}
.pd-grid th, .pd-grid td {{ text-align: center; padding: .4rem .45rem; font-variant-numeric: tabular-nums;
  white-space: nowrap; }}
.pd-grid tbody th, .pd-grid tfoot th, .pd-grid thead th:first-child {{ position: sticky; left: 0; background: #f3f5f9;
  text-align: left;
  z-index: 1; }}
.pd-grid thead td {{ background: #f3f5f9; position: sticky; top: 0; left: 0; z-index: 3; }}
.pd-grid tfoot td {{ font-weight: 600; background: #f3f5f9; white-space: normal; }}
.pd-chart th, .pd-chart td {{ padding: .18rem .2rem; font-size: .82rem; min-width: 1.9rem; }}
.pd-chart thead th span {{ writing-mode: vertical-rl; transform: rotate(180deg); padding: .2rem 0; }}
.pd-effect {{ display: flex; flex-wrap: wrap; align-items: center; gap: .1rem .6rem; }}
.pd-scale {{ position: relative; flex: 0 0 9rem; height: .8rem; background: #f3f5f9; border-radius: 3px; }}
.pd-scale::before {{ content: ""; position: absolute; left: 50%; top: -2px; bottom: -2px; width: 1px;
  background: {colours.MUTED}; }}
.pd-scale > div {{ position: absolute; top: 0; bottom: 0; border-radius: 3px; }}
.pd-fill {{ display: inline-block; height: .7rem; border-radius: 3px; background: {colours.BLUE}; vertical-align: middle;
  margin-right: .5rem; }}
.pd-rule {{ position: relative; height: 1.3rem; background: #f3f5f9; border-radius: 6px; margin: .3rem 0 .9rem; }}
.pd-rule > div {{ position: absolute; top: 0; bottom: 0; border-radius: 6px; }}
.pd-picture {{ display: block; width: 100%; max-width: 540px; height: auto; margin: 0 auto; }}
.pd-figure {{ border: 1px solid {colours.LINES}; border-radius: 12px; background: #fff; padding: .6rem .8rem .5rem;
  margin: 0; height: 100%;
  color: {colours.INK}; }}
.pd-figure h3 {{ font-size: 1rem; font-weight: 650; margin: 0 0 .3rem; padding: 0; color: {colours.INK}; }}
.pd-figures {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(min(19rem, 100%), 1fr)); gap: .8rem; }}
.pd-legend {{ display: flex; flex-wrap: wrap; gap: .15rem .9rem; font-size: .84rem; color: {colours.MUTED};
  margin: .1rem 0 0; }}
.pd-legend b {{ color: {colours.INK}; font-variant-numeric: tabular-nums; white-space: nowrap; }}
.pd-key {{ display: inline-block; width: 1.3rem; border-top: 3px solid; vertical-align: middle; margin-right: .35rem; }}
.pd-state {{ display: inline-block; border-radius: 999px; padding: .1rem .7rem; margin: .15rem .35rem .15rem 0;
  font-size: .88rem;
  font-weight: 600; border: 1px solid currentColor; background: #fff; }}
.pd-good {{ color: {colours.GREEN}; }} .pd-bad {{ color: {colours.RED}; }} .pd-watch {{ color: {colours.AMBER}; }}
@media (max-width: 40rem) {{
  .pd-table {{ font-size: .86rem; }}
  .pd-table:not(.pd-grid) th, .pd-table:not(.pd-grid) td {{ padding-left: .4rem; padding-right: .4rem; }}
  .pd-scale {{ flex-basis: 7rem; }}
}}
</style>"""
