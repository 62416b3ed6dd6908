import { createModels } from './file.ts';

/**
 * Which models need which keys of the secret store, as tools name theirs.
 * @throws GatehouseError `GH-AGENT-001` for a file that is not usable
 */
export async function modelKeys(folder: {
  policiesDir: string;
}): Promise<{ name: string; secret: string }[]> {
  const file = (await createModels(folder)).file();
  return Object.entries(file?.models ?? {}).flatMap(([name, { endpoint }]) => {
    const secret = file?.endpoints[endpoint]?.secret;
    return secret === undefined ? [] : [{ name: `model:${name}`, secret }];
  });
}
