import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Outgoing } from '../../../gateway/channels/index.ts';
import { render as renderSlack } from '../../../gateway/channels/slack/render.ts';
import { render as renderTelegram } from '../../../gateway/channels/telegram/render.ts';

const message = (host: string): Outgoing => ({
  text: 'Robin asks to pay.',
  link: { label: 'Open the request', url: `https://${host}/a` },
  links: [
    { label: 'Edit', url: `https://${host}/a/edit` },
    { label: 'Ask back', url: `https://${host}/a#questions` },
  ],
});

test('a card in Slack has a button for each of its links, and none of them is an action of ours', () => {
  const elements = renderSlack(message('gate.example.com')).blocks.at(-1)?.elements ?? [];
  assert.deepEqual(
    elements.map(({ action_id, text }) => [action_id, text.text]),
    [
      ['link', 'Open the request'],
      ['link1', 'Edit'],
      ['link2', 'Ask back'],
    ],
  );
});

test('a card in Telegram has its links in one row, or as text where Telegram refuses the host', () => {
  const { keyboard } = renderTelegram(message('gate.example.com'));
  assert.deepEqual(
    keyboard.at(-1)?.map((button) => button.url),
    ['https://gate.example.com/a', 'https://gate.example.com/a/edit', 'https://gate.example.com/a#questions'],
  );
  const local = renderTelegram(message('localhost'));
  assert.deepEqual(local.keyboard, []);
  assert.match(local.texts[0] ?? '', /Edit: https:\/\/localhost\/a\/edit\n/);
});
