/** The purpose of a proof that allows changing one's factors for some minutes. */
export const changing = 'change';

/** The purpose of a new passkey. */
export const enrolling = 'enrol';

/** The purpose of one vote: this request with all that it is bound to, decided this way, with what it allows besides. */
export function voting(vote: {
  approvalId: string;
  binding: string;
  verdict: 'approve' | 'reject';
  standing?: object;
}): string {
  return JSON.stringify(['vote', vote.approvalId, vote.binding, vote.verdict, vote.standing ?? null]);
}
