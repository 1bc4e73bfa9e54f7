import { Agent } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { ask } from '../../support/ask.ts';
import { inHome } from '../../support/home.ts';
import { startVersitygw } from '../../support/versitygw.ts';
import { Broken } from '../observer.ts';
import type { Scenario } from '../scenario.ts';
import { countsOf, Fleet, syncNow, until, writeConfig, type Replica } from './replicas-fleet.ts';
import { startRepository, type GrowingRepository, type Published } from './replicas-repository.ts';
import { meetInBucket } from './replicas-store.ts';

/** Very many at once for an archive that nobody fetched yet. */
export const cold: Scenario = {
  name: 'cold',
  promise: 'However many ask at once for an archive that is not here, each process fetches it once.',
  run: (rounds) => coldRounds({ rounds, clients: 1_000 }),
};

interface Cold {
  readonly rounds: number;
  /** Of each replica that is asked. */
  readonly clients: number;
}

/** As the scenario, as large as one wants it. */
export function coldRounds({ rounds, clients }: Cold): Promise<string> {
  return inHome(async (home, cleanUp) => {
    const gateway = await startVersitygw(join(home, 's3'));
    cleanUp(() => gateway.stop());
    const { close, config: store } = await meetInBucket(gateway, 'cold/');
    close();
    const repository = await startRepository();
    cleanUp(() => repository.stop());
    await repository.publish(['first 1.0.0']);
    const upstreams = [{ ...repository.config, interval: '1h', mirror: 'requested' }];
    const config = await writeConfig(home, 'cold', { store, upstreams });
    const fleet = new Fleet();
    cleanUp(() => fleet.killAll());
    await Promise.all([1, 2, 3].map(() => fleet.start(config)));
    const agent = new Agent({ maxSockets: Number.POSITIVE_INFINITY });
    cleanUp(() => agent.destroy());
    const crowd = new Crowd(repository, agent, clients);
    const most = { alone: 0, together: 0, unlisted: 0 };
    for (let round = 0; round < rounds; round += 1) {
      const [one, other] = await crowd.list(fleet, [`alone 1.${round}.0`, `together 1.${round}.0`]);
      if (!one || !other) throw new Error('nothing was published');
      most.alone = Math.max(most.alone, await crowd.rush(fleet.living.slice(0, 1), one));
      most.together = Math.max(most.together, await crowd.rush(fleet.living, other));
      most.unlisted = Math.max(
        most.unlisted,
        await crowd.rushUnlisted(fleet.living.slice(-1), `unlisted 1.${round}.0`),
      );
    }
    await fleet.stop();
    return `${rounds} rounds of ${clients} clients at once: ${most.alone} upstream request for an archive; ${clients} at each of 3 replicas: ${most.together}; for a version nobody had listed: ${most.unlisted} and 1 for the index`;
  });
}

/** Clients that all ask before upstream answers any. Each must get the archive. */
class Crowd {
  readonly #repository: GrowingRepository;
  readonly #agent: Agent;
  readonly #clients: number;

  constructor(repository: GrowingRepository, agent: Agent, clients: number) {
    this.#repository = repository;
    this.#agent = agent;
    this.#clients = clients;
  }

  /** Publishes versions, and resolves when all replicas list them. */
  async list(fleet: Fleet, names: readonly string[]): Promise<readonly Published[]> {
    const listed = await this.#repository.publish(names);
    for (const replica of fleet.living.slice(0, 1)) await syncNow(replica, 'nexus');
    const { length } = this.#repository.published;
    await until('all replicas list what one of them listed', async () => {
      const counts = await Promise.all(fleet.living.map(countsOf));
      return counts.every(({ versions }) => versions === length);
    });
    return listed;
  }

  /** For a version that upstream has only now, at a replica that must ask for a listing first. */
  async rushUnlisted(replicas: readonly Replica[], name: string): Promise<number> {
    const before = this.#repository.count('/index.yaml');
    const [one] = await this.#repository.publish([name]);
    if (!one) throw new Error('nothing was published');
    const fetched = await this.rush(replicas, one);
    const listings = this.#repository.count('/index.yaml') - before;
    if (listings !== 1) throw new Broken(`${this.#clients} requests made one process ask for ${listings} listings`);
    return fetched;
  }

  /** Answers how often upstream was asked for it. */
  async rush(replicas: readonly Replica[], one: Published): Promise<number> {
    const everybodyAsked = Promise.withResolvers<void>();
    this.#repository.hold = everybodyAsked.promise;
    const asked = replicas.flatMap(({ url }) =>
      Array.from({ length: this.#clients }, () => ask(url + one.path, this.#agent)),
    );
    await Promise.all(asked.map(({ sent }) => sent));
    // all of them are with the servers now: let them be read before upstream gives anything
    await sleep(500);
    everybodyAsked.resolve();
    this.#repository.hold = undefined;
    const answers = await Promise.all(asked.map(({ answer }) => answer));
    const wrong = answers.find((answer) => answer !== one.digest);
    if (wrong !== undefined) throw new Broken(`one of ${answers.length} cold requests was answered with ${wrong}`);
    const count = this.#repository.count(one.source);
    if (count < 1 || count > replicas.length) {
      throw new Broken(`${answers.length} requests at ${replicas.length} replicas asked upstream ${count} times`);
    }
    return count;
  }
}
