// Small comforts; every page works without them. Loaded as a file because the CSP allows no inline script.
document.documentElement.classList.add('js');

const near = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const far = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' });

/** Writes times in the reader's zone: the hour alone for today, the exact instant on hover. */
function localise(root) {
  for (const element of root.querySelectorAll('time[datetime]:not([data-local])')) {
    const time = new Date(element.dateTime);
    const today = time.toDateString() === new Date().toDateString();
    element.textContent = (today ? near : far).format(time);
    element.title = `${exact.format(time)} (${element.dateTime})`;
    element.dataset.local = '';
  }
}

async function copy(button) {
  const label = button.getAttribute('aria-label');
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.setAttribute('aria-label', 'Copied');
    button.classList.add('copied');
  } catch {
    // No clipboard without https or permission: select the id, so that the keyboard can copy it.
    const code = button.parentElement.querySelector('code');
    code.textContent = button.dataset.copy;
    getSelection().selectAllChildren(code);
  }
  setTimeout(() => {
    button.setAttribute('aria-label', label);
    button.classList.remove('copied');
  }, 1500);
}

document.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-copy]');
  if (button) void copy(button);
});

const compose = document.getElementById('compose');
const text = document.getElementById('text');

if (compose && text) {
  const grow = () => {
    text.rows = Math.min(8, text.value.split('\n').length);
  };
  text.addEventListener('input', grow);
  text.addEventListener('keydown', (event) => {
    // isComposing: Enter also accepts a suggestion of an input method, which is not sending.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    if (text.value.trim() !== '') compose.requestSubmit();
  });
  const showFiles = attachments();
  compose.addEventListener('htmx:afterRequest', (event) => {
    if (event.target === compose && event.detail.successful) {
      compose.reset();
      grow();
      showFiles();
    }
    text.focus();
  });
  const scroller = document.scrollingElement;
  const toEnd = () => scroller.scrollTo(0, scroller.scrollHeight);
  // Follow new entries only for a reader who is at the end already.
  let atEnd = true;
  addEventListener('scroll', () => {
    atEnd = scroller.scrollHeight - scroller.scrollTop - innerHeight < 120;
  });
  document.addEventListener('htmx:oobAfterSwap', () => {
    if (atEnd) toEnd();
  });
  toEnd();
  if (matchMedia('(pointer: fine)').matches) text.focus({ preventScroll: true });
}

/** Says which files are chosen, and lets go of them again. @returns how to say it anew */
function attachments() {
  const input = document.getElementById('files');
  const chosen = document.getElementById('chosen');
  const most = { files: Number(input.dataset.files), bytes: Number(input.dataset.bytes) };
  const show = () => {
    const files = [...input.files];
    const size = files.reduce((sum, file) => sum + file.size, 0);
    const tooMuch = files.length > most.files || size > most.bytes;
    input.setCustomValidity(tooMuch ? document.getElementById('bounds').textContent : '');
    chosen.hidden = files.length === 0;
    chosen.querySelector('p').textContent = files.map(({ name }) => name).join(', ');
    if (tooMuch) input.reportValidity();
  };
  input.addEventListener('change', show);
  chosen.querySelector('button').addEventListener('click', () => {
    input.value = '';
    show();
    input.focus();
  });
  return show;
}

document.addEventListener('htmx:oobAfterSwap', () => localise(document));
localise(document);
