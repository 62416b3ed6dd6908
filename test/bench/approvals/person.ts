/** A signed-in person at the pages. */
export interface Person {
  principal: string;
  session: string;
  csrf: string;
}

/** @returns the page's status and text */
export async function look(
  base: string,
  person: Person,
  path: string,
): Promise<{ status: number; text: string }> {
  const answer = await fetch(`${base}${path}`, { headers: { cookie: cookieOf(base, person) } });
  return { status: answer.status, text: await answer.text() };
}

/** Sends a form of the pages. @returns the status of the answer */
export async function send(
  base: string,
  person: Person,
  path: string,
  fields: Record<string, string>,
): Promise<number> {
  const answer = await fetch(`${base}${path}`, {
    method: 'POST',
    redirect: 'manual',
    headers: { cookie: cookieOf(base, person), origin: base },
    body: new URLSearchParams({ ...fields, csrf: person.csrf }),
  });
  await answer.arrayBuffer();
  return answer.status;
}

const cookieOf = (base: string, { session }: Person): string => `gatehouse-${new URL(base).port}=${session}`;
