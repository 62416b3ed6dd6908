/** Rotates a secret and is killed at one step: `node rotation-crash.ts DATABASE DATA_DIR SECRET STEP`. */
import { createLogger } from '../../../gateway/config/index.ts';
import { openPool } from '../../../gateway/db/index.ts';
import { createBox, createRotations, openSecrets } from '../../../gateway/vault/index.ts';

const [database = '', dataDir = '', name = '', step = ''] = process.argv.slice(2);
const die = (): never => {
  process.kill(process.pid, 'SIGKILL');
  // The signal is on its way.
  for (;;);
};
const log = createLogger('silent');
const pool = openPool(database, 4);
const secrets = await openSecrets({ dataDir, policiesDir: dataDir, production: false, log });
const box = createBox({ dataDir });
const query = pool.query.bind(pool) as (...given: unknown[]) => Promise<unknown>;
const dying = Object.assign(pool, {
  async query(...given: unknown[]) {
    const text = JSON.stringify(given[0]);
    const keeps = text.includes('insert into secret_rotations (secret, candidate');
    if (keeps && step === 'before it is kept') die();
    const answer = await query(...given);
    if (keeps && step === 'after it is kept') die();
    return answer;
  },
});
let reads = 0;
await createRotations({
  pool: dying,
  box,
  log,
  secrets: {
    ...secrets,
    async get(wanted, version) {
      // Read once to make the next value and once more when that is proven.
      if (wanted === name && (reads += 1) === 2 && step === 'after it is proven') die();
      return secrets.get(wanted, version);
    },
    async set(wanted, value) {
      if (step === 'before it is stored') die();
      const info = await secrets.set(wanted, value);
      if (step === 'after it is stored') die();
      return info;
    },
  },
}).rotate(name);
die();
