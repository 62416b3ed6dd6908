import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { channelSecrets, createSlack, createTelegram } from '../../../gateway/channels/index.ts';
import { createLogger } from '../../../gateway/config/index.ts';
import { createEgress } from '../../../gateway/egress/index.ts';
import { channelsFindings } from '../../../gateway/doctor/channels.ts';

const off = { slackMode: 'off', telegramMode: 'off' } as const;
const every = [...new Set(Object.values(channelSecrets).flatMap((modes) => Object.values(modes).flat()))];
const brief = (...given: Parameters<typeof channelsFindings>): string[] =>
  channelsFindings(...given).map(({ state, text, next }) => `${state}: ${text} ${next ?? ''}`.trim());

describe('channels', () => {
  it('that are off and have nothing stored are well', () => {
    assert.deepEqual(brief(off, ['demo/token']), ['ok: Slack is off.', 'ok: Telegram is off.']);
  });

  it('that are on with their secrets are well, whatever else is stored', () => {
    const on = { slackMode: 'socket', telegramMode: 'webhook' } as const;
    assert.deepEqual(brief(on, every), [
      'ok: Slack (socket) has its secrets.',
      'ok: Telegram (webhook) has its secrets.',
    ]);
  });

  it('that are off although something is stored for them are told with the setting', () => {
    assert.deepEqual(brief(off, ['slack/app-token', 'slack/bot-token']), [
      'note: Slack is off, and slack/bot-token and slack/app-token are set. Set GATEHOUSE_SLACK_MODE to socket or events and start again; docs/slack.md says which.',
      'ok: Telegram is off.',
    ]);
    assert.match(brief(off, ['telegram/bot-token'])[1] ?? '', /^note: .* is set\. .*polling or webhook/);
  });

  const modes = [
    ...(['socket', 'events'] as const).map((mode) => ({ slackMode: mode, telegramMode: 'off' as const })),
    ...(['polling', 'webhook'] as const).map((mode) => ({ slackMode: 'off' as const, telegramMode: mode })),
  ];
  for (const settings of modes) {
    const slack = settings.slackMode !== 'off';
    const mode = slack ? settings.slackMode : settings.telegramMode;
    const needs = Object.entries({ ...channelSecrets.slack, ...channelSecrets.telegram }).find(
      ([name]) => name === mode,
    )?.[1] as readonly string[];
    for (const missing of needs) {
      it(`in mode ${mode} without ${missing} fail, as the channel itself does`, async () => {
        const findings = channelsFindings(
          settings,
          every.filter((name) => name !== missing),
        );
        const failed = findings.filter(({ state }) => state === 'fail');
        assert.equal(failed.length, 1);
        assert.match(failed[0]?.text ?? '', new RegExp(`${missing} is not set`));
        assert.match(failed[0]?.next ?? '', new RegExp(`npx gatehouse secret set ${missing}`));
        const secrets = (name: string): Promise<string | undefined> =>
          Promise.resolve(name === missing ? undefined : 'a-value');
        // An address where nobody listens: a channel that went on without its secret would say so.
        const options = { secrets, egress: createEgress(), log: createLogger('silent') };
        const adapter = slack
          ? createSlack({ ...options, mode: mode as 'socket', apiUrl: 'http://127.0.0.1:9/' })
          : createTelegram({
              ...options,
              mode: mode as 'polling',
              apiRoot: 'http://127.0.0.1:9',
              publicUrl: 'https://gate.example.com',
            });
        await assert.rejects(
          adapter.start(() => Promise.resolve()),
          (error: Error & { code?: string }) => {
            assert.equal(error.code, 'GH-CHANNEL-001');
            assert.match(error.message, new RegExp(missing));
            return true;
          },
        );
      });
    }
  }

  it('lack all that their mode needs where nothing is stored, and name no value', () => {
    const lines = brief({ slackMode: 'events', telegramMode: 'polling' }, []);
    assert.equal(lines.length, 3);
    for (const line of lines) assert.match(line, /^fail: (Slack|Telegram) is on .* does not start/);
  });
});
