/** Words that are in most sentences of their language, and in few of another. */
const commonWords = {
  de: 'der die das und ist nicht ich sie wir mit auf für ein eine den von zu bitte sind wird',
  en: 'the and is of to that it you we with for this are was please have not be my',
  es: 'el los las una del que por con para está como pero más este su qué lo muy hay y',
  fr: 'le les des une est pas vous nous avec pour dans sur qui que je du cette sont mais ce',
  it: 'il gli che di una per con non sono della questo anche più del nel alla ho è le si',
  nl: 'het een van is niet dat wij met voor op zijn deze aan ook naar bij wordt heb ik de',
  pt: 'os uma que não com para por dos mais você esta ao pela são é está do da em nós',
} as const;

/** Languages that rules can name (ISO 639-1). */
export const languages = Object.keys(commonWords) as Language[];
export type Language = keyof typeof commonWords;

const sets = new Map(languages.map((name) => [name, new Set<string>(commonWords[name].split(' '))]));
/** Fewer say nothing. */
const leastWords = 3;
const lead = 1.5;
const mostCharacters = 20_000;

/** The language that a text is most likely in, by its common words; null for one that is short, mixed or none of these. */
export function languageOf(text: string): Language | null {
  const words =
    text
      .slice(0, mostCharacters)
      .toLowerCase()
      .match(/\p{L}+/gu) ?? [];
  const counts = languages
    .map((name) => ({ name, count: words.filter((word) => sets.get(name)?.has(word)).length }))
    .sort((a, b) => b.count - a.count);
  const [first, second] = counts;
  if (!first || first.count < leastWords || first.count < lead * (second?.count ?? 0)) return null;
  return first.name;
}
