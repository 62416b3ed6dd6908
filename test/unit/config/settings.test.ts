import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { GatehouseError, loadSettings } from '../../../gateway/config/index.ts';

const base = { GATEHOUSE_DATABASE_URL: 'postgres://u:p@127.0.0.1:5432/gatehouse' };

describe('settings', () => {
  it('have safe defaults and derive both URLs from the ports', () => {
    const settings = loadSettings({ ...base, GATEHOUSE_PUBLIC_PORT: '9080' });
    assert.equal(settings.publicUrl, 'http://localhost:9080');
    assert.equal(settings.internalHost, '127.0.0.1');
    assert.equal(settings.slackMode, 'off');
  });

  it('come from a file where the name ends in _FILE', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'gatehouse-')), 'url');
    writeFileSync(file, `${base.GATEHOUSE_DATABASE_URL}\n`);
    assert.equal(
      loadSettings({ GATEHOUSE_DATABASE_URL_FILE: file }).databaseUrl,
      base.GATEHOUSE_DATABASE_URL,
    );
  });

  it('name every mistake at once', () => {
    assert.throws(
      () =>
        loadSettings({ GATEHOUSE_PUBLIC_PORT: 'many', GATEHOUSE_SLACK_MODE: 'maybe', GATEHOUSE_TYPO: '1' }),
      (error: unknown) => {
        assert.ok(error instanceof GatehouseError);
        for (const name of ['DATABASE_URL', 'PUBLIC_PORT', 'SLACK_MODE', 'TYPO']) {
          assert.match(error.message, new RegExp(`GATEHOUSE_${name}`));
        }
        return true;
      },
    );
  });
});
