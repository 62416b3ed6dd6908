// Passkeys: asks the browser for one and puts its answer into the form. A typed code is sent as it is.
/* global SimpleWebAuthnBrowser */
const said = {
  NotAllowedError: 'The passkey was not used: it was cancelled, took too long, or is not on this device.',
  InvalidStateError: 'This authenticator holds a passkey of this Gatehouse already. Use another one.',
};

async function optionsFrom(address, form, submitter) {
  const body = new URLSearchParams(new FormData(form, submitter));
  const answer = await fetch(address, { method: 'POST', body, headers: { accept: 'application/json' } });
  const content = await answer.json();
  if (!answer.ok) throw new Error([content.detail, content.next].filter(Boolean).join(' '));
  return content;
}

function tell(form, text) {
  form.querySelector('.problem')?.remove();
  const problem = document.createElement('p');
  problem.className = 'problem';
  problem.setAttribute('role', 'alert');
  problem.textContent = text;
  form.prepend(problem);
}

async function answer(form, submitter, field, work) {
  try {
    field.value = JSON.stringify(await work());
    form.requestSubmit(submitter);
  } catch (error) {
    tell(form, said[error.name] ?? error.message);
  }
}

document.addEventListener('submit', (event) => {
  const { target: form, submitter } = event;
  const { passkeyNew, passkeyChallenge } = form.dataset;
  const { attestation, assertion, code } = form.elements;
  const { startAuthentication, startRegistration } = SimpleWebAuthnBrowser;
  if (passkeyNew && attestation?.value === '') {
    event.preventDefault();
    void answer(form, submitter, attestation, async () =>
      startRegistration({ optionsJSON: await optionsFrom(passkeyNew, form, submitter) }),
    );
  } else if (passkeyChallenge && assertion?.value === '' && !code?.value) {
    event.preventDefault();
    void answer(form, submitter, assertion, async () =>
      startAuthentication({ optionsJSON: await optionsFrom(passkeyChallenge, form, submitter) }),
    );
  }
});
