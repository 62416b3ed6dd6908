// The approvals inbox: counts deadlines down, takes in what changed, and moves by keyboard. Nothing here decides.
/* global localise */
const live = document.getElementById('inbox-live');
const news = document.getElementById('inbox-news');
const items = () => document.getElementById('inbox-items');

// The server's clock, which is the one that counts.
let ahead = 0;
const setClock = () => {
  ahead = Date.parse(document.getElementById('inbox').dataset.now) - Date.now();
};

/** In the words of `span` in format.ts. */
function span(seconds) {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) return 'under a minute';
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} days`;
}

function countDown() {
  for (const element of live.querySelectorAll('[data-until]')) {
    const seconds = (Date.parse(element.dataset.until) - Date.now() - ahead) / 1000;
    const text = seconds <= 0 ? 'closing' : `${span(seconds)} left`;
    if (element.textContent !== text) element.textContent = text;
  }
}

/** Puts one entry in the place of its earlier state, with what was open still open. */
function replace(before, after) {
  const details = before.querySelector('details');
  if (details?.open) after.querySelector('details')?.setAttribute('open', '');
  before.replaceWith(after);
}

/** Brings the list to what the server says, touching only what differs: focus and reading place stay. */
function merge(html) {
  const next = new DOMParser().parseFromString(html, 'text/html').getElementById('inbox');
  const focused = document.activeElement;
  const focusedId = live.contains(focused) ? focused.id : '';
  const place = stops().indexOf(focused);
  const list = items();
  const known = new Map([...list.children].map((entry) => [entry.id, entry]));
  const wanted = [...next.querySelectorAll('#inbox-items > li')];
  const fresh = wanted.filter((entry) => !known.has(entry.id)).length;
  const ids = new Set(wanted.map((entry) => entry.id));
  for (const [id, entry] of known) if (!ids.has(id)) entry.remove();
  let at = list.firstElementChild;
  for (const entry of wanted) {
    const before = known.get(entry.id);
    if (!before) list.insertBefore(entry, at);
    else {
      const same = before.dataset.version === entry.dataset.version;
      const kept = same ? before : entry;
      if (before === at) at = at.nextElementSibling;
      if (!same) replace(before, entry);
      if (kept.nextElementSibling !== at) list.insertBefore(kept, at);
    }
  }
  for (const id of ['inbox-none', 'inbox-pager']) {
    document.getElementById(id)?.remove();
    const part = next.querySelector(`#${id}`);
    if (part && id === 'inbox-none') list.before(part);
    else if (part) list.after(part);
  }
  const inbox = document.getElementById('inbox');
  inbox.dataset.now = next.dataset.now;
  document.getElementById('inbox-needed').textContent = next.dataset.needed;
  document.title = document.title.replace(
    /^Approvals( \(\d+\))?/,
    next.dataset.needed === '0' ? 'Approvals' : `Approvals (${next.dataset.needed})`,
  );
  if (fresh > 0) news.textContent = fresh === 1 ? 'One new request.' : `${fresh} new requests.`;
  setClock();
  countDown();
  localise(live);
  if (focusedId === '' || document.activeElement?.id === focusedId) return;
  // The very element again, or what stands in the place of a request that is gone.
  const now = stops();
  (document.getElementById(focusedId) ?? now[Math.min(Math.max(place, 0), now.length - 1)])?.focus();
}

/** What the keyboard moves over, in reading order. */
function stops() {
  return [...(items()?.querySelectorAll('summary, a.open') ?? [])].filter((stop) => stop.checkVisibility());
}

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || event.isComposing) return;
  const { target } = event;
  if (target.closest('input, textarea, select, [contenteditable]')) return;
  const arrow = event.key === 'ArrowDown' || event.key === 'ArrowUp';
  // Elsewhere the arrows scroll, as ever.
  if (arrow && !items()?.contains(target)) return;
  const step = { j: 1, k: -1, ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step === undefined) return;
  const all = stops();
  const at = all.indexOf(document.activeElement);
  const next = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : at + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
});

setClock();
setInterval(countDown, 10_000);
const source = new EventSource(live.dataset.events);
source.addEventListener('update', (event) => merge(event.data));
addEventListener('pagehide', () => source.close());
