import type Docker from 'dockerode';
import type { Logger } from '../config/index.ts';
import type { Language } from './contract.ts';

/** The image of each language: ours, built by `npm run build:sandbox`, and for the shell their base. */
export const defaultImages: Record<Language, string> = {
  javascript: 'gatehouse/sandbox-node:1',
  python: 'gatehouse/sandbox-python:1',
  shell: 'debian:bookworm-slim',
};

/** The runner's images, each pinned to the id that its name had first: a tag that moves later changes nothing. */
export class Images {
  readonly names: Record<Language, string>;
  readonly #docker: Docker;
  readonly #log: Logger;
  readonly #ids = new Map<string, string>();

  constructor(docker: Docker, names: Record<Language, string>, log: Logger) {
    this.#docker = docker;
    this.names = names;
    this.#log = log;
  }

  /**
   * @returns the id of the language's image
   * @throws what Docker answers: 404 where it does not have the image
   */
  async id(language: Language): Promise<string> {
    const name = this.names[language];
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    const { Id } = await this.#docker.getImage(name).inspect();
    if (!this.#ids.has(name)) this.#log.info({ image: name, id: Id }, 'pinned a sandbox image');
    this.#ids.set(name, this.#ids.get(name) ?? Id);
    return this.#ids.get(name) ?? Id;
  }

  /** Pins the images that Docker has, and pulls those that it lacks. Logs what is not to be had. */
  async prepare(): Promise<void> {
    for (const language of Object.keys(this.names) as Language[]) {
      await this.id(language)
        .catch(async (error: unknown) => {
          if ((error as { statusCode?: number }).statusCode !== 404) throw error;
          await this.#pull(this.names[language]);
          await this.id(language);
        })
        .catch((error: unknown) =>
          this.#log.warn({ err: error, image: this.names[language] }, 'a sandbox image is not available'),
        );
    }
  }

  async #pull(name: string): Promise<void> {
    this.#log.info({ image: name }, 'pulling a sandbox image');
    const progress = await this.#docker.pull(name);
    await new Promise<void>((resolve, reject) => {
      this.#docker.modem.followProgress(progress, (failed) => (failed ? reject(failed) : resolve()));
    });
  }
}
