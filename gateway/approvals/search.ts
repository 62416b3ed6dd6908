import { placeholders, renderSentence } from '../catalogue/index.ts';
import type { ApprovalsDeps } from './types.ts';

/**
 * SQL over a row of `listed` (id, requester) that holds every word of a search, somewhere in what a person reads on its
 * first line: who asks, for which tool, and the values that the tool's sentence shows. Nothing else of a call is looked
 * at, and of a call that is past its retention only who asked for which tool. A card of several calls holds the words of
 * all of them.
 * @param put takes a parameter of the statement, and says what it is called there
 */
export function searching(
  { people, catalogue }: Pick<ApprovalsDeps, 'people' | 'catalogue'>,
  text: string,
  put: (value: unknown) => string,
): string {
  const tools = catalogue.list();
  const titles = Object.fromEntries(
    tools.map(({ name, title, sentence }) => [name, `${name} ${title} ${renderSentence(sentence, {})}`]),
  );
  const shown = Object.fromEntries(tools.map(({ name, sentence }) => [name, placeholders(sentence)]));
  const names = Object.fromEntries(people.list().map(({ principal, display }) => [principal, display]));
  return `concat_ws(' ', coalesce(${put(JSON.stringify({ '': 'Automations', ...names }))}::jsonb ->> requester, requester), (
       select string_agg(concat_ws(' ', coalesce(${put(JSON.stringify(titles))}::jsonb ->> e.tool, e.tool), (
         select string_agg(said.value, ' ') from jsonb_each_text(e.args) as said (name, value)
         where ${put(JSON.stringify(shown))}::jsonb -> e.tool ? said.name)), ' ')
       from approvals c join decisions e on e.id = c.id where c.id = listed.id or c.card = listed.id
     )) ilike all (${put(patternsOf(text))}::text[])`;
}

/** Amounts are stored without the commas that they are shown with. */
function patternsOf(text: string): string[] {
  const words = text.split(/\s+/).filter((word) => word !== '');
  return words.map((word) => {
    const plain = /^\d[\d,]*(\.\d+)?$/.test(word) ? word.replaceAll(',', '') : word;
    return `%${plain.replace(/[\\%_]/g, '\\$&')}%`;
  });
}
