import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '../../../gateway/cli/up/index.ts';
import { createSecretStore } from '../../../gateway/vault/index.ts';
import { FakeGitHub } from '../../fixtures/vendors/github.ts';
import { FakeHubSpot } from '../../fixtures/vendors/hubspot.ts';
import { FakeJira } from '../../fixtures/vendors/jira.ts';
import { FakeReceiver } from '../../fixtures/vendors/receiver.ts';
import { startVendors, type Vendors } from '../../support/vendors.ts';
import { login, mailServer, type MailServer } from '../../unit/tools/mail/server.ts';

/** Every system of record as its fake, and how a stack is set up for them as `docs/connectors.md` says. */
export interface Systems {
  github: FakeGitHub;
  jira: FakeJira;
  hubspot: FakeHubSpot;
  receiver: FakeReceiver;
  mail: MailServer;
  vendors: Vendors;
  env: NodeJS.ProcessEnv;
  /** The secrets, by their names in the store. */
  secrets: Record<string, string>;
  /** Copies the policies into the stack's folder and writes there what an operator writes; sets all secrets but `without`. */
  prepare(dir: string, without?: readonly string[]): Promise<void>;
  /** What the fakes did not like in the requests, and forgets it. */
  problems(): string[];
  stop(): Promise<void>;
}

export async function startSystems(): Promise<Systems> {
  const [github, jira, hubspot, receiver] = await Promise.all([
    new FakeGitHub().start(),
    new FakeJira().start(),
    new FakeHubSpot().start(),
    new FakeReceiver().start(),
  ]);
  const mail = await mailServer({
    name: 'localhost',
    refuses: (address) => address === 'nobody@example.com',
  });
  const vendors = await startVendors({ slack: 'events', telegram: 'polling' });
  const fakes = [github, jira, hubspot, receiver];
  const env: NodeJS.ProcessEnv = { ...vendors.env };
  const secrets = {
    'github/token': github.token,
    'jira/api-token': `${jira.user}:${jira.token}`,
    'hubspot/token': hubspot.token,
    'webhook/signing-secret': receiver.secret,
    'mail/smtp': `${login.user}:${login.password}`,
  };
  return {
    github,
    jira,
    hubspot,
    receiver,
    mail,
    vendors,
    env,
    secrets,
    async prepare(dir, without = []) {
      const policiesDir = join(dir, 'policies');
      cpSync(join(repository, 'policies'), policiesDir, { recursive: true });
      const edit = (file: string, change: (text: string) => string): void => {
        const path = join(policiesDir, file);
        const before = readFileSync(path, 'utf8');
        const after = change(before);
        assert.notEqual(after, before, file);
        writeFileSync(path, after);
      };
      const here = 'plainHttp: true\nprivateNetworks: [127.0.0.0/8]\n';
      for (const [api, fake] of Object.entries({ github, jira, hubspot, webhook: receiver }))
        edit(`apis/${api}.yaml`, (text) =>
          text
            .replace(/^url: .*$/m, `url: ${fake.url}`)
            .replace('-your-organisation-', 'acme')
            .concat(here),
        );
      const certificate = JSON.stringify(mail.certificate);
      edit('tools/mail.send.yaml', (text) =>
        text
          .replace('host: smtp.example.com', 'host: localhost')
          .replace(
            'port: 465',
            `port: ${mail.port}\n  certificate: ${certificate}\n  privateNetworks: [127.0.0.0/8]`,
          ),
      );
      edit('tools/chat.post.yaml', (text) =>
        text.replace(
          'conversations: {}',
          'conversations: { announcements: { channel: slack, id: C0GENERAL } }',
        ),
      );
      // Beside the stack's folder, which no tool may reach.
      const files = `${dir}-files`;
      mkdirSync(files, { recursive: true });
      Object.assign(env, { GATEHOUSE_POLICIES_DIR: policiesDir, GATEHOUSE_FILES_DIR: files });
      // A script writes faster than a person may.
      edit('limits.yaml', (text) => text.replace('messages: 30,', 'messages: 600,'));
      await vendors.prepare({ policiesDir, dataDir: dir });
      const store = createSecretStore({ dataDir: dir });
      for (const [name, value] of Object.entries(secrets))
        if (!without.includes(name)) await store.set(name, value);
    },
    problems: () => [
      ...fakes.flatMap((fake) => fake.problems.splice(0)),
      ...vendors.slack.problems.splice(0),
    ],
    async stop() {
      await Promise.all([...fakes.map((fake) => fake.stop()), mail.close(), vendors.stop()]);
    },
  };
}
