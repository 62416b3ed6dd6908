import type Docker from 'dockerode';
import type { Logger } from '../config/index.ts';
import { containerOf, type ContainerLimits } from './container.ts';
import type { Language } from './contract.ts';
import { attach } from './egress/attach.ts';
import { isOrphan, labels, type Identity } from './identity.ts';
import type { Images } from './images.ts';
import { launch, type Waiting } from './launch.ts';
import { Reaper } from './reaper.ts';
import { Uids, type UidRange } from './uids.ts';

/** The containers of one runner, from their making to their removal. */
export class Containers {
  readonly #docker: Docker;
  readonly #images: Images;
  readonly #runner: Identity;
  readonly #runtime: string | undefined;
  readonly #reaper: Reaper;
  readonly #uids: Uids;

  constructor(options: {
    docker: Docker;
    images: Images;
    runner: Identity;
    runtime: string | undefined;
    uids: UidRange;
    log: Logger;
  }) {
    this.#docker = options.docker;
    this.#images = options.images;
    this.#runner = options.runner;
    this.#runtime = options.runtime;
    this.#reaper = new Reaper(options.log);
    this.#uids = new Uids(options.uids);
  }

  /**
   * Starts a container that waits for a job, as a user that no other container has.
   * @param linked with its way to a proxy
   * @throws NoUid, NoForwarder, and what Docker answers
   */
  async launch(language: Language, limits: ContainerLimits, linked: boolean): Promise<Waiting> {
    const image = await this.#images.id(language);
    const uid = this.#uids.take();
    let made: Docker.Container | undefined;
    const posture = { image, runner: this.#runner, uid, language, limits, runtime: this.#runtime };
    try {
      const waiting = await launch(this.#docker, containerOf(posture), (container) => (made = container));
      const link = linked && !waiting.isOver() ? await attach(waiting.container) : undefined;
      return { ...waiting, uid, ...(link ? { link } : {}) };
    } catch (error) {
      if (made) this.retire({ container: made, uid });
      else this.#uids.release(uid);
      throw error;
    }
  }

  /** Ends what runs in a container; how it ended is left to be asked. */
  kill({ container }: Pick<Waiting, 'container'>): void {
    this.#reaper.kill(container);
  }

  /** Removes a container, in the background. */
  retire({ container, uid }: Pick<Waiting, 'container' | 'uid'>): void {
    void this.#reaper.remove(container).then(() => this.#uids.release(uid));
  }

  /** Removes what runners left that are gone. @returns how many containers */
  async removeOrphans(): Promise<number> {
    const all = await this.#docker.listContainers({ all: true, filters: { label: [labels.runner] } });
    const left = await Promise.all(all.map(async ({ Id, Labels }) => ((await isOrphan(Labels)) ? [Id] : [])));
    const orphans = left.flat();
    for (const id of orphans) await this.#reaper.remove(this.#docker.getContainer(id));
    return orphans.length;
  }

  /** @returns when the last container is removed */
  async stop(): Promise<void> {
    await this.#reaper.stop();
  }
}
