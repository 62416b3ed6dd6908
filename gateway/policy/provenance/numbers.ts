import { currencySigns } from './words.ts';

/**
 * @returns one form for all ways to write a number: `120` for 120.00, $120 and 120,00; null for what is none. A comma before
 *   three digits groups, before one or two it is the decimal sign.
 */
export function numberKey(word: string): string | null {
  if (!/\d/.test(word)) return null;
  const unsigned = word.replace(currencySigns, '').replace(/%$/, '');
  const decimal = /^(\d{1,3}(\.\d{3})+|\d+),\d{1,2}$/.test(unsigned)
    ? unsigned.replaceAll('.', '').replace(',', '.')
    : unsigned;
  if (!/^\d{1,3}(,\d{3})+(\.\d+)?$|^\d+(\.\d+)?$/.test(decimal)) return null;
  const [whole = '', part = ''] = decimal.replaceAll(',', '').split('.');
  const fraction = part.replace(/0+$/, '');
  return `${whole.replace(/^0+(?=\d)/, '')}${fraction === '' ? '' : `.${fraction}`}`;
}
