import type { Model } from './file.ts';

const messageTokens = 8;
/** Cautious: most texts need a token for about four characters, code and other scripts more. */
const charactersPerToken = 3;

/** What a text takes of a context, estimated upwards. */
export const estimateTokens = (text: string): number =>
  Math.ceil(text.length / charactersPerToken) + messageTokens;

/** An amount such as `0.15` in millionths. */
export const micros = (amount: string): number => Math.round(Number(amount) * 1e6);

/** What tokens cost, in millionths of the currency, rounded up: a price of a million tokens is a millionth's of each. */
export const costOf = ({ price }: Pick<Model, 'price'>, tokensIn: number, tokensOut: number): number =>
  Math.ceil(tokensIn * Number(price.in) + tokensOut * Number(price.out));

/** Millionths in words: `0.0123 EUR`. */
export const inWords = (cost: number, currency: string): string =>
  `${(cost / 1e6).toFixed(6).replace(/(\.\d\d\d*?)0+$/, '$1')} ${currency}`;
