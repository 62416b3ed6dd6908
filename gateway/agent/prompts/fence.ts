import { createHash } from 'node:crypto';

/** What stands in a block: the gateway's facts, whoever asks, whoever built the workflow, or anybody at all. */
export type BlockKind = 'facts' | 'instructions' | 'request' | 'data';

/** Marks blocks of one conversation. Their mark cannot be known to whoever wrote what stands in them. */
export interface Fence {
  block(kind: BlockKind, source: string, text: string): string;
  /**
   * A text of this conversation with NUL for its mark: what two conversations of the same words have in common. No text that is
   * kept holds a NUL, so none can imitate the end of its block.
   */
  unmarked(text: string): string;
}

/**
 * Makes the fence of a run: the same at each replay, so that what was sent before stays as it was.
 * @param seed unguessable, such as a random id
 */
export function createFence(seed: string): Fence {
  const mark = createHash('sha256').update(`fence ${seed}`).digest('hex').slice(0, 12);
  return {
    block(kind, source, text) {
      const name = source.replace(/[^\w.:-]/g, '_').slice(0, 80);
      // A text that repeats the mark has read it; it cannot close the block all the same.
      return `<${kind} ${mark} from="${name}">\n${text.replaceAll(mark, '')}\n</${kind} ${mark}>`;
    },
    unmarked: (text) => text.replaceAll(mark, '\0'),
  };
}
