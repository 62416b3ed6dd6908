import type { Settings } from '../config/index.ts';
import { fail, note, ok, warn, type Finding } from './finding.ts';

/** Whether an address leads to this machine only. */
const onLoopback = ({ hostname }: URL): boolean =>
  /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(hostname) || hostname.endsWith('.localhost');

/** What of the settings is for development only. */
export function settingsFindings(settings: Pick<Settings, 'environment' | 'demo' | 'publicUrl'>): Finding[] {
  const { environment, demo, publicUrl } = settings;
  const url = new URL(publicUrl);
  const findings = [
    environment === 'production'
      ? ok('environment', 'The rules are told that this is production.')
      : note(
          'environment',
          `The rules are told that this is ${environment}.`,
          'Set GATEHOUSE_ENVIRONMENT=production where it is not.',
        ),
    url.protocol === 'http:' && !onLoopback(url)
      ? warn(
          'public-url',
          `People reach ${url.origin} without encryption: who listens on the way can take their sessions.`,
          'Put a proxy with TLS before it and set GATEHOUSE_PUBLIC_URL=https://…',
        )
      : ok('public-url', `People reach it as ${url.origin}.`),
  ];
  if (!demo) return [...findings, ok('demo', 'The demo is off.')];
  return [
    ...findings,
    (onLoopback(url) ? note : warn)(
      'demo',
      'The demo is on: its people can be signed in as by links that it prints.',
      'Set GATEHOUSE_DEMO=false where real people work.',
    ),
  ];
}

/** The permission bits of a file, or null where there is none. */
type Mode = number | null;

/** What lies in the data folder. */
export interface DataFiles {
  dataDir: string;
  dataMode: Mode;
  keyFile: string;
  keyMode: Mode;
  /** Whether the settings name the key: its mode may then not be ours to choose. */
  keyNamed: boolean;
  /** Whether there is a secret store, which needs the key. */
  store: boolean;
  /** The file of a passphrase that stands for the key, and its mode. */
  passphrase?: { file: string; mode: Mode } | undefined;
}

const othersMay = (mode: number): boolean => (mode & 0o077) !== 0;

/** Whether folder and key are there, for their owner alone. */
export function filesFindings(files: DataFiles): Finding[] {
  const { dataDir, dataMode, keyFile, keyMode, keyNamed, store } = files;
  const open = (mode: number): string => (mode & 0o777).toString(8).padStart(4, '0');
  let folder: Finding;
  if (dataMode === null)
    folder = note('data-folder', `There is no ${dataDir} yet; the first start makes it.`, 'npm start');
  else if (othersMay(dataMode))
    folder = warn('data-folder', `${dataDir} has mode ${open(dataMode)}.`, `chmod 700 ${dataDir}`);
  else folder = ok('data-folder', `${dataDir} is its owner's alone.`);
  return [folder, files.passphrase ? passphraseFinding(files.passphrase) : keyFinding()];

  function passphraseFinding({ file, mode }: { file: string; mode: Mode }): Finding {
    if (mode === null) return fail('key', `The passphrase ${file} is not there.`, 'Restore it.');
    if (!othersMay(mode)) return ok('key', `The passphrase ${file} is its owner's alone.`);
    const text = `Others than its owner may use the passphrase ${file}: its mode is ${open(mode)}.`;
    return warn('key', text, `chmod 600 ${file}`);
  }

  function keyFinding(): Finding {
    if (keyMode === null) {
      if (store || keyNamed)
        return fail('key', `The key ${keyFile} is not there.`, 'Restore it from the backup.');
      return note('key', `There is no key ${keyFile} yet; the first start makes it.`, 'npm start');
    }
    if (!othersMay(keyMode)) return ok('key', `The key ${keyFile} is its owner's alone.`);
    const text = `Others than its owner may use the key ${keyFile}: its mode is ${open(keyMode)}.`;
    return (keyNamed ? warn : fail)('key', text, `chmod 600 ${keyFile}`);
  }
}
