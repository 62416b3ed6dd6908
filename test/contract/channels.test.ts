import { createWeb } from '../../gateway/channels/index.ts';
import { channelContract, type ChannelHarness } from './channel-contract.ts';
import { slackEvents, slackSocket } from './slack-harness.ts';
import { telegramPolling, telegramWebhook } from './telegram-harness.ts';

channelContract('web', web);
channelContract('Slack by the Events API', slackEvents);
channelContract('Slack by Socket Mode', slackSocket);
channelContract('Telegram by webhook', telegramWebhook);
channelContract('Telegram by long polling', telegramPolling);

/** The web: a signed-in session stands where a vendor's proof stands elsewhere. */
function web(): Promise<ChannelHarness> {
  const adapter = createWeb();
  const say: ChannelHarness['say'] = (person, text) =>
    Promise.resolve({ kind: 'messages', messages: [adapter.message(person, person, text)] });
  return Promise.resolve({
    adapter,
    people: ['requester', 'approver-a'],
    say,
    // A form that is sent again is a new message; what repeats is the stored message itself.
    async sayTwice(person, text) {
      const once = await say(person, text);
      return [once, once];
    },
    forgeries: {
      'a delivery to the channel itself': () =>
        adapter.receive({
          path: '/channels/web',
          headers: { 'x-principal': 'approver-a' },
          body: Buffer.from('{"text":"canary","principal":"approver-a"}'),
          receivedAt: new Date(),
        }),
    },
    hostile: {},
    problems: () => [],
    stop: () => adapter.stop(),
  });
}
