const formats = new Map<string, Intl.DateTimeFormat>();
const canonical = new Map(Intl.supportedValuesOf('timeZone').map((name) => [name.toLowerCase(), name]));

/**
 * A zone of the IANA database by its exact name; OPA does not find `europe/berlin`.
 * @returns undefined where there is none
 */
export function zoneOf(name: string): string | undefined {
  if (name === '' || name === 'UTC') return 'UTC';
  const known = canonical.get(name.toLowerCase());
  if (known !== undefined) return known === name ? name : undefined;
  // An older name of a zone, such as US/Eastern. Offsets are zones to JavaScript only.
  return /^[A-Za-z]/.test(name) && formatOf(name) ? name : undefined;
}

/** Seconds that the zone's clocks are ahead of UTC, at a time in seconds since 1970. */
export function offsetOf(zone: string, seconds: number): number {
  if (zone === 'UTC') return 0;
  const shown =
    formatOf(zone)
      ?.formatToParts(seconds * 1000)
      .find((part) => part.type === 'timeZoneName')?.value ?? '';
  const match = /^GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(shown);
  if (!match) throw new Error(`the offset of ${zone} is ${shown}`);
  const size = Number(match[2] ?? 0) * 3600 + Number(match[3] ?? 0) * 60 + Number(match[4] ?? 0);
  return match[1] === '-' ? -size : size;
}

function formatOf(zone: string): Intl.DateTimeFormat | undefined {
  const known = formats.get(zone);
  if (known) return known;
  try {
    const made = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' });
    formats.set(zone, made);
    return made;
  } catch {
    return undefined;
  }
}
