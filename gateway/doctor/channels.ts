import { channelSecrets } from '../channels/index.ts';
import type { Settings } from '../config/index.ts';
import { note, fail, ok, type Finding } from './finding.ts';

/** Whether channels that are on have what they need, and what lies there for one that is off. Values are not looked at. */
export function channelsFindings(
  { slackMode, telegramMode }: Pick<Settings, 'slackMode' | 'telegramMode'>,
  stored: readonly string[],
): Finding[] {
  return [
    ...findingsOf('Slack', 'slack', 'GATEHOUSE_SLACK_MODE', slackMode, stored),
    ...findingsOf('Telegram', 'telegram', 'GATEHOUSE_TELEGRAM_MODE', telegramMode, stored),
  ];
}

function findingsOf(
  title: string,
  channel: keyof typeof channelSecrets,
  setting: string,
  mode: string,
  stored: readonly string[],
): Finding[] {
  const needs: Record<string, readonly string[]> = channelSecrets[channel];
  if (mode === 'off') {
    const idle = [...new Set(Object.values(needs).flat())].filter((name) => stored.includes(name));
    if (idle.length === 0) return [ok('channels', `${title} is off.`)];
    return [
      note(
        'channels',
        `${title} is off, and ${idle.join(' and ')} ${idle.length === 1 ? 'is' : 'are'} set.`,
        `Set ${setting} to ${Object.keys(needs).join(' or ')} and start again; docs/${channel}.md says which.`,
      ),
    ];
  }
  const missing = (needs[mode] ?? []).filter((name) => !stored.includes(name));
  if (missing.length === 0) return [ok('channels', `${title} (${mode}) has its secrets.`)];
  return missing.map((name) =>
    fail(
      'channels',
      `${title} is on (${mode}) and ${name} is not set, so the gateway does not start.`,
      `npx gatehouse secret set ${name}, or ${setting}=off.`,
    ),
  );
}
