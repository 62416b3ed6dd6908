import { randomUUID } from 'node:crypto';
import { createSlack, type ChannelAdapter, type Inbound } from '../../gateway/channels/index.ts';
import { createLogger } from '../../gateway/config/index.ts';
import { createEgress } from '../../gateway/egress/index.ts';
import {
  clickPayload,
  editEvent,
  FakeSlack,
  messageEvent,
  nextTs,
  readable,
  slackHeaders,
  slashFields,
} from '../fixtures/slack/index.ts';
import type { ChannelHarness, Shown } from './channel-contract.ts';
import { hostileBodies, type Hostile } from './hostile.ts';

const log = createLogger('silent');
const egress = createEgress();
const signingSecret = '8f742231b10e8888abcd99yyyzzz85a5';
const general = 'C0GENERAL';

function secretsOf(fake: FakeSlack): (name: string) => Promise<string | undefined> {
  const secrets: Record<string, string> = {
    'slack/signing-secret': signingSecret,
    'slack/bot-token': fake.tokens.bot,
    'slack/app-token': fake.tokens.app,
  };
  return (name) => Promise.resolve(secrets[name]);
}

function shownBy(fake: FakeSlack): Shown[] {
  return fake.posts.map((post) => ({
    text: readable(post.blocks),
    buttons: (post.blocks as { elements?: { value?: string }[] }[])
      .flatMap((block) => block.elements ?? [])
      .map((button) => button.value ?? ''),
    edits: post.edits,
  }));
}

/** Slack by its Events API: each delivery is an HTTP call signed over its raw bytes. */
export async function slackEvents(): Promise<ChannelHarness> {
  const fake = await new FakeSlack().start();
  const options = { mode: 'events', apiUrl: fake.apiUrl, secrets: secretsOf(fake), egress, log } as const;
  const adapter = createSlack(options);
  await adapter.start(() => Promise.resolve());
  const receive = (
    body: string | Buffer,
    headers = slackHeaders(signingSecret, body),
    at = 'events',
  ): Promise<Inbound> =>
    adapter.receive({
      path: `/channels/slack/${at}`,
      headers,
      body: Buffer.from(body),
      receivedAt: new Date(),
    });
  const event = (payload: unknown): Promise<Inbound> => receive(JSON.stringify(payload));
  const canary = JSON.stringify(messageEvent({ user: 'U0ANN', text: 'canary' }));
  const minutes = (count: number): Date => new Date(Date.now() + count * 60_000);
  return {
    ...common(fake, adapter, event),
    async click(user, value) {
      const body = new URLSearchParams({ payload: JSON.stringify(clickPayload({ user, value })) }).toString();
      return receive(body, slackHeaders(signingSecret, body), 'interactions');
    },
    forgeries: {
      'no signature': () => receive(canary, {}),
      'another secret': () => receive(canary, slackHeaders('another', canary)),
      'a changed byte': () =>
        receive(canary.replace('canary', 'Canary'), slackHeaders(signingSecret, canary)),
      'six minutes old': () => receive(canary, slackHeaders(signingSecret, canary, minutes(-6))),
      'six minutes ahead': () => receive(canary, slackHeaders(signingSecret, canary, minutes(6))),
      'a stamp that was moved': () =>
        receive(canary, {
          ...slackHeaders(signingSecret, canary, minutes(-6)),
          'x-slack-request-timestamp': String(Math.floor(Date.now() / 1000)),
        }),
      'a stamp that is no number': () =>
        receive(canary, { ...slackHeaders(signingSecret, canary), 'x-slack-request-timestamp': 'NaN' }),
      'a signature that is cut': () =>
        receive(canary, { ...slackHeaders(signingSecret, canary), 'x-slack-signature': 'v0=' }),
      'no JSON and no signature': () => receive('canary', {}),
    },
    hostile: { ...hostile((body) => receive(body)), ...hostileForms(receive) },
    receiveWithoutSecrets: () =>
      createSlack({ ...options, secrets: () => Promise.resolve('') }).receive({
        path: '/channels/slack/events',
        headers: slackHeaders('', canary),
        body: Buffer.from(canary),
        receivedAt: new Date(),
      }),
    startWithoutSecrets: () =>
      createSlack({ ...options, secrets: () => Promise.resolve(undefined) }).start(() => Promise.resolve()),
  };
}

/** Slack by Socket Mode: each delivery is a frame on the connection that we opened. */
export async function slackSocket(): Promise<ChannelHarness> {
  const fake = await new FakeSlack().start();
  const options = { mode: 'socket', apiUrl: fake.apiUrl, secrets: secretsOf(fake), egress, log } as const;
  const adapter = createSlack(options);
  const arrived: Inbound[] = [];
  await adapter.start((inbound) => {
    arrived.push(inbound);
    return Promise.resolve();
  });
  const pushed = async (acknowledged: Promise<boolean>): Promise<Inbound> => {
    if (!(await acknowledged)) throw new Error('the frame was not acknowledged');
    return arrived.at(-1) as Inbound;
  };
  const frame = (body: Buffer): Promise<Inbound> => {
    const id = randomUUID();
    return pushed(
      fake.pushText(id, `{"envelope_id":"${id}","type":"events_api","payload":${body.toString('utf8')}}`),
    );
  };
  // A frame that is no JSON carries no id that could be acknowledged.
  const framed = ({ body }: { body: Buffer }): boolean => {
    try {
      JSON.parse(body.toString('utf8'));
      return !body.includes(0xff);
    } catch {
      return false;
    }
  };
  return {
    ...common(fake, adapter, (payload) => pushed(fake.push('events_api', payload))),
    click: (user, value) => pushed(fake.push('interactive', clickPayload({ user, value }))),
    forgeries: {
      'a call to the addresses of the Events API': () => {
        const body = JSON.stringify(messageEvent({ user: 'U0ANN', text: 'canary' }));
        const headers = slackHeaders(signingSecret, body);
        return adapter.receive({
          path: '/channels/slack/events',
          headers,
          body: Buffer.from(body),
          receivedAt: new Date(),
        });
      },
    },
    hostile: hostile(frame, framed),
    startWithoutSecrets: () =>
      createSlack({ ...options, secrets: () => Promise.resolve(undefined) }).start(() => Promise.resolve()),
  };
}

type Common = Pick<
  ChannelHarness,
  'adapter' | 'people' | 'say' | 'sayTwice' | 'edit' | 'shown' | 'problems' | 'stop'
>;

function common(
  fake: FakeSlack,
  adapter: ChannelAdapter,
  event: (payload: unknown) => Promise<Inbound>,
): Common {
  return {
    adapter,
    people: ['U0ANN', 'U0BEN'],
    say: (user, text) => event(messageEvent({ user, text, channel: general })),
    async sayTwice(user, text) {
      const payload = messageEvent({ user, text, channel: general });
      return [await event(payload), await event(payload)];
    },
    async edit(user, before, text) {
      const ts = nextTs();
      return [
        await event(messageEvent({ user, text: before, ts })),
        await event(editEvent({ user, text, before, ts })),
      ];
    },
    shown: () => shownBy(fake),
    problems: () => fake.problems,
    async stop() {
      await adapter.stop();
      await fake.stop();
    },
  };
}

function hostile(
  deliver: (body: Buffer) => Promise<Inbound>,
  possible: (entry: Hostile) => boolean = () => true,
): ChannelHarness['hostile'] {
  const bodies: Record<string, Hostile> = {
    ...hostileBodies((text) => messageEvent({ user: 'U0ANN', text })),
    '10,000 mentions': mentions(10_000, /text$/),
    '300 mentions': mentions(300, /^content\.mentions$/),
    'a channel that is a list': { ...changed({ channel: ['C1'] }, /^event\.channel$/), untold: true },
    'a time that is none': changed({ ts: 'yesterday' }, /^event\.ts$/),
    'files that are none': changed({ files: [{ id: 7 }] }, /^event\.files\.0\.id$/),
  };
  return Object.fromEntries(
    Object.entries(bodies)
      .filter(([, entry]) => possible(entry))
      .map(([name, { body, ...expected }]) => [name, { deliver: () => deliver(body), ...expected }]),
  );
}

/** Slash commands and clicks come as forms, and a click's payload as JSON inside one. */
function hostileForms(
  receive: (body: string, headers: Record<string, string>, at: string) => Promise<Inbound>,
): ChannelHarness['hostile'] {
  const entry = (
    at: string,
    body: string,
    field: RegExp,
    untold = false,
  ): ChannelHarness['hostile'][string] => ({
    deliver: () => receive(body, slackHeaders(signingSecret, body), at),
    field,
    untold,
  });
  const slash = (text: string): string =>
    new URLSearchParams(slashFields({ user: 'U0ANN', command: '/pay', text })).toString();
  const click = (change: (payload: string) => string): string =>
    new URLSearchParams({
      payload: change(JSON.stringify(clickPayload({ user: 'U0ANN', value: 'canary' }))),
    }).toString();
  return {
    'a command with a NUL character': entry('commands', slash('canary \0'), /^text$/),
    'a command that is too long': entry('commands', slash('canary '.repeat(10_000)), /^text$/),
    'a command with 300 mentions': entry('commands', slash(mentioned(300)), /^content\.mentions$/),
    'a command with a field twice': entry('commands', `${slash('canary')}&text=canary`, /^text$/),
    'a command without a name': entry('commands', slash('canary').replace('command=', 'x='), /^command$/),
    'a command of nobody': entry('commands', slash('canary').replace('U0ANN', 'nobody'), /^user_id$/, true),
    'a click with a NUL character': entry(
      'interactions',
      click((payload) => payload.replace('canary', 'canary\\u0000')),
      /value$/,
    ),
    'a click with a key twice': entry(
      'interactions',
      click((payload) => payload.replace('"canary"', '"canary","value":"b"')),
      /value$/,
    ),
    'a click on no message': entry(
      'interactions',
      click((payload) => payload.replace('"message":', '"x":')),
      /^message/,
    ),
    'a click that is no JSON': entry('interactions', 'payload=canary', /^body$/, true),
    'a click without a payload': entry('interactions', 'canary=1', /^payload$/, true),
  };
}

function mentioned(count: number): string {
  return Array.from({ length: count }, (_, index) => `<@U${String(index).padStart(8, '0')}>`).join(' ');
}

function mentions(count: number, field: RegExp): Hostile {
  const event = messageEvent({ user: 'U0ANN', text: mentioned(count) });
  return { body: Buffer.from(JSON.stringify(event)), field };
}

function changed(extra: Record<string, unknown>, field: RegExp): Hostile {
  return { body: Buffer.from(JSON.stringify(messageEvent({ user: 'U0ANN', text: 'canary', extra }))), field };
}
