/** The form's stylesheet: light and dark, from a narrow phone up, nothing loaded from elsewhere. */
export const stylesheet = `
:root { --bg: #f4f6f9; --surface: #fff; --sunken: #eef1f6; --text: #18202c; --muted: #515b6b; --line: #d6dce5;
  --edge: #768195; --accent: #1d5bb8; --on-accent: #fff; --bad: #a8211a; --wait-bg: #fdf0d8; --wait: #7d4b00; }
@media (prefers-color-scheme: dark) {
  :root { --bg: #10141b; --surface: #19202a; --sunken: #131922; --text: #e6eaf1; --muted: #a5b0c0; --line: #2d3746;
    --edge: #7b8799; --accent: #8bb6ff; --on-accent: #0a1b36; --bad: #ff9b94; --wait-bg: #3a2c12; --wait: #f3c46f; }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body { margin: 0; background: var(--bg); color: var(--text);
  font: 16px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif; }
main { max-width: 640px; margin: 0 auto; padding: 24px 16px 48px; overflow-wrap: anywhere; }
@media (min-width: 700px) { main { background: var(--surface); margin: 32px auto; padding: 32px;
  border: 1px solid var(--line); border-radius: 10px; } }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 8px 0 24px; }
h2 { font-size: .875rem; color: var(--muted); margin: 24px 0 4px; }
p, ul { margin: 4px 0; }
ul { padding-left: 20px; }
.state { font-weight: 600; color: var(--muted); }
.state.open { color: var(--wait); }
.notice { background: var(--wait-bg); color: var(--wait); padding: 12px 16px; border-radius: 10px; margin: 0 0 16px; }
table { width: 100%; border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: 8px 0; border-top: 1px solid var(--line); }
th { width: 35%; font-weight: 400; color: var(--muted); padding-right: 16px; }
td { font-weight: 600; font-variant-numeric: tabular-nums; }
pre { background: var(--sunken); border: 1px solid var(--line); border-radius: 10px; padding: 12px; margin: 4px 0;
  white-space: pre-wrap; font: .875rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
form { margin-top: 24px; border-top: 1px solid var(--line); padding-top: 24px; }
label { display: block; font-weight: 600; margin-bottom: 4px; }
label span { font-weight: 400; color: var(--muted); }
textarea { width: 100%; padding: 12px; font: inherit; color: inherit; background: var(--surface);
  border: 1px solid var(--edge); border-radius: 10px; }
.buttons { display: flex; flex-wrap: wrap; gap: 12px; margin-top: 16px; }
button { min-height: 44px; padding: 8px 20px; font: inherit; font-weight: 600; border-radius: 10px; cursor: pointer;
  border: 1px solid var(--accent); background: var(--accent); color: var(--on-accent); }
button.reject { background: transparent; border-color: var(--edge); color: var(--bad); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
`;
