const formats = new Map<string, Intl.DateTimeFormat>();

/**
 * The day and time of an instant in a time zone, which the rules cannot find out by themselves.
 * @param zone a name of the IANA list
 */
export function localTime(now: Date, zone: string): { day: string; minute: number } {
  let format = formats.get(zone);
  if (!format) {
    const parts = { weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const;
    format = new Intl.DateTimeFormat('en', { ...parts, timeZone: zone });
    formats.set(zone, format);
  }
  const found = new Map(format.formatToParts(now).map(({ type, value }) => [type, value]));
  return {
    day: (found.get('weekday') ?? '').toLowerCase(),
    minute: Number(found.get('hour')) * 60 + Number(found.get('minute')),
  };
}
