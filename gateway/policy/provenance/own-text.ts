/** What a person wrote themselves of a message that may carry other people's text. */
export interface OwnText {
  text: string;
  /** Whether something was left out because somebody else wrote it, or may have. */
  foreign: boolean;
}

const replyMarks = [
  /^\s*on\b.{5,200}\bwrote:\s*$/i,
  /^\s*am\b.{5,200}\bschrieb\b.{0,100}:\s*$/i,
  /^\s*le\b.{5,200}\ba écrit\s*:\s*$/i,
  /^\s*-{2,}\s*(original message|forwarded message|ursprüngliche nachricht|weitergeleitete nachricht)\b/i,
  /^\s*begin forwarded message:/i,
  /^\s*(fw|fwd|wg)\s*:/i,
  /^_{8,}\s*$/,
  /^--\s*$/,
];
const mailHeader = /^\s*\*?(from|von|de|sent|date|to|subject|betreff)\*?\s*:\s*\S/i;
const fence = /^\s*(`{3,}|~{3,}|"{3,}|'{3,})/;
const openTag = /^\s*<([a-z][\w-]*)(?:\s[^>]*)?>/i;
/** Something that is handed over to be read: what follows the colon is not said to us. */
const handedOver =
  /\b(?:this|these|the following|following|below|here is|here's)\b[^.!?\n:]{0,60}\b(?:e-?mails?|mails?|messages?|texts?|articles?|documents?|letters?|threads?|pages?|logs?|tickets?|reviews?|posts?|transcripts?|conversations?|chats?|notes?|paragraphs?|contents?|input|excerpts?|quotes?)\b[^.!?\n:]{0,40}:/i;

/**
 * Leaves out what its sender did not say to us: quoted lines, fenced blocks, what stands below a reply mark or a forward's
 * head, tagged documents, and text that was handed over to be read. In doubt it is left out: then a value has to be
 * confirmed, and nothing else happens.
 * @param text a message as its channel adapter normalised it; lines that begin with `>` are somebody else's
 */
export function ownTextOf(text: string): OwnText {
  const own: string[] = [];
  let foreign = false;
  let fenced: string | null = null;
  let tagged: string | null = null;
  const lines = text.split(/\r\n|\r|\n/);
  for (const [index, line] of lines.entries()) {
    if (fenced !== null) {
      if (line.trimStart().startsWith(fenced)) fenced = null;
      continue;
    }
    if (tagged !== null) {
      if (line.toLowerCase().includes(`</${tagged}>`)) tagged = null;
      continue;
    }
    if (/^\s*(>|&gt;)/.test(line)) {
      foreign = true;
      continue;
    }
    if (replyMarks.some((mark) => mark.test(line)) || isMailHead(lines, index))
      return { text: own.join('\n'), foreign: true };
    const opened = fence.exec(line)?.[1];
    if (opened !== undefined) {
      foreign = true;
      if (!line.trimStart().slice(opened.length).includes(opened)) fenced = opened;
      continue;
    }
    const tag = openTag.exec(line)?.[1]?.toLowerCase();
    if (tag !== undefined) {
      foreign = true;
      if (!line.toLowerCase().includes(`</${tag}>`)) tagged = tag;
      continue;
    }
    const handed = handedOver.exec(line);
    if (handed) {
      own.push(line.slice(0, handed.index + handed[0].length));
      const rest =
        line.slice(handed.index + handed[0].length).trim() !== '' ||
        lines.slice(index + 1).some((after) => after.trim() !== '');
      return { text: own.join('\n'), foreign: foreign || rest };
    }
    own.push(line);
  }
  return { text: own.join('\n'), foreign };
}

/** Two or more header lines in a row begin a mail that was put into the message. */
function isMailHead(lines: readonly string[], at: number): boolean {
  return mailHeader.test(lines[at] ?? '') && mailHeader.test(lines[at + 1] ?? '');
}
