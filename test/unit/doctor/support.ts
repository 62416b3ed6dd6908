import type { Finding } from '../../../gateway/doctor/finding.ts';

export const now = new Date('2026-11-10T12:00:00Z');

/** Each finding as `state check`, in order. */
export const brief = (findings: readonly Finding[]): string[] =>
  findings.map(({ state, check }) => `${state} ${check}`);

/** All that is told. */
export const textOf = (findings: readonly Finding[]): string =>
  findings.map(({ text, next }) => `${text} ${next ?? ''}`).join('\n');
