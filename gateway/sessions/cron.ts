import { CronExpressionParser } from 'cron-parser';

/** Times by the clock on the wall of a time zone, also where it is put forward or back. */
export interface Cron {
  /** Five fields, or six with seconds first: https://github.com/harrisiirak/cron-parser */
  cron: string;
  /** IANA name. */
  timezone: string;
}

/** The next time after `after`. @throws Error for what is no cron expression or time zone */
export const nextTime = ({ cron, timezone: tz }: Cron, after: Date): Date =>
  CronExpressionParser.parse(cron, { currentDate: after, tz }).next().toDate();
