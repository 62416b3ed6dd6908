import type { ApprovalClass } from '../policy/index.ts';
import type { Automation, StandIn } from '../sessions/index.ts';
import { note, ok, warn, type Finding } from './finding.ts';

/** One risk class, and who its groups are. */
export interface ClassState {
  risk: string;
  approvals: Pick<ApprovalClass, 'groups' | 'quorum' | 'from' | 'blast' | 'firstTime' | 'strict'>;
  /** Who is asked at first; the quorum is theirs. */
  members: readonly string[];
  /** Those, and whom it escalates to. */
  deciders: readonly string[];
}

/** Whether everybody who has to decide can. That a quorum can be reached at all is part of loading. */
export function peopleFindings(state: {
  count: number;
  classes: readonly ClassState[];
  /** Deciders of strict classes without a second factor that decides; null where that could not be asked. */
  withoutFactor: readonly string[] | null;
  standIns: readonly StandIn[];
  /** Automations whose owner is nobody of people.yaml. */
  ownerless: readonly Pick<Automation, 'principal' | 'owner'>[];
  now: Date;
}): Finding[] {
  const today = state.now.toISOString().slice(0, 10);
  const strict = state.classes.filter(({ approvals }) => approvals.strict);
  return [
    ok('people', `People in people.yaml: ${state.count}.`),
    ...quorumFindings(state.classes),
    ...factorFindings(strict, state.withoutFactor),
    ...state.ownerless.map(({ principal, owner }) =>
      warn(
        'automations',
        `${owner} answers for ${principal} and is not in people.yaml, so nobody can confirm what it asks for.`,
        'Name somebody who is there in policies/automations.yaml.',
      ),
    ),
    ...state.standIns
      .filter(({ until }) => until < today)
      .map((entry) =>
        note(
          'stand-ins',
          `That ${entry.by} stands in for ${entry.for} ended on ${entry.until}.`,
          'Take it out of policies/people.yaml.',
        ),
      ),
  ];
}

/** Whoever asks does not count: where all have to agree, none of them can ask, or be away. */
function quorumFindings(classes: readonly ClassState[]): Finding[] {
  const tight = classes.filter(({ approvals, members }) => members.length <= mostOf(approvals));
  const groups = Map.groupBy(tight, ({ approvals }) => approvals.groups.join(', '));
  return [...groups].map(([names, needing]) =>
    note(
      'quorum',
      `${needing.map(({ risk }) => risk).join(', ')} may need everybody of ${names}: none of them can ask for it then, or be away.`,
      'Add somebody to the group in policies/people.yaml.',
    ),
  );
}

const mostOf = ({ quorum, from, blast, firstTime }: ClassState['approvals']): number =>
  Math.max(quorum, ...from.map((step) => step.quorum), blast?.quorum ?? 0, firstTime?.quorum ?? 0);

function factorFindings(strict: readonly ClassState[], without: readonly string[] | null): Finding[] {
  if (strict.length === 0) return [];
  if (without === null)
    return [note('second-factors', 'Who has a second factor could not be asked without Postgres.')];
  if (without.length === 0)
    return [ok('second-factors', 'Everybody who decides strict classes has a second factor.')];
  return without.map((principal) => {
    const risks = strict.filter(({ deciders }) => deciders.includes(principal)).map(({ risk }) => risk);
    return warn(
      'second-factors',
      `${principal} has no second factor that counts and so cannot decide ${risks.join(', ')}.`,
      `npx gatehouse people link ${principal} --enrol`,
    );
  });
}
