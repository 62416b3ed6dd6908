import { GatehouseError } from '../../config/index.ts';

/** Why a store cannot answer. Each is a refusal of the one call: the next one asks the store again. */
type Trouble = 'sealed' | 'slow' | 'gone' | 'denied' | 'odd' | 'forbidden';

const told: Record<
  Trouble,
  { code: string; status: number; text: string; next: string; retryAfter?: number }
> = {
  sealed: {
    code: 'GH-VAULT-011',
    status: 503,
    text: 'is sealed',
    next: 'Unseal it; calls work again as soon as it is.',
    retryAfter: 10,
  },
  slow: {
    code: 'GH-VAULT-012',
    status: 503,
    text: 'did not answer in time',
    next: 'Try again; look at its load, or raise timeoutSeconds in secrets.yaml.',
    retryAfter: 5,
  },
  gone: {
    code: 'GH-VAULT-013',
    status: 503,
    text: 'cannot be reached',
    next: 'Try again; see that it runs and that its address in secrets.yaml is right.',
    retryAfter: 5,
  },
  denied: {
    code: 'GH-VAULT-014',
    status: 403,
    text: 'does not let the gateway in, or not to this secret',
    next: 'Compare its policy with gatehouse vault policy, and renew the secret id where it was used up.',
  },
  odd: {
    code: 'GH-VAULT-022',
    status: 502,
    text: 'gave an answer that is none',
    next: 'See that the address, mount, path and field in secrets.yaml are right.',
  },
  forbidden: {
    code: 'GH-VAULT-021',
    status: 500,
    text: 'reads variables of the environment, which is for development only',
    next: 'Move its secrets to another store, or set GATEHOUSE_ENVIRONMENT=development on a machine without real ones.',
  },
};

/** @param store its name in secrets.yaml */
export function refusal(store: string, trouble: Trouble, cause?: unknown): GatehouseError {
  const { code, status, text, next, retryAfter } = told[trouble];
  return new GatehouseError(code, `The secret store ${store} ${text}.`, { status, next, retryAfter, cause });
}

/** What a store answers that only its owner writes. */
export function readOnly(name: string, store: string, next: string): GatehouseError {
  return new GatehouseError('GH-VAULT-016', `${name} is kept in ${store}, which Gatehouse only reads.`, {
    status: 409,
    next,
  });
}
