import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { run } from '../../support/process.ts';
import { Broken, Observer } from '../observer.ts';
import { Audit } from './kills-audit.ts';
import { Histogram, type KillOrder } from './kills-orders.ts';
import { Rival } from './kills-rival.ts';
import { adminToken, startVictim, type Victim } from './kills-server.ts';
import { litter, type KilledStore } from './kills-stores.ts';
import type { KillSwitch } from './kills-switch.ts';
import { RestlessRepository, type Published } from './kills-upstream.ts';

const charts = ['alpha', 'beta', 'gamma'];
const longestRoundMs = 6_000;
const main = join(import.meta.dirname, '../../../src/main.ts');

/** Kills the servers of one store over and over, and looks at what clients get and at what is left in the store. */
export class Campaign {
  readonly histogram = new Histogram();
  readonly observer = new Observer();
  readonly audit: Audit;
  readonly #folder: string;
  readonly #config: string;
  readonly #kept: KilledStore;
  readonly #repository: RestlessRepository;
  /** By path, as we are to serve it. */
  readonly #published = new Map<string, Published>();
  /** Rewritten and not accepted, as we are to serve it then. */
  readonly #rewritten = new Map<string, Published>();
  readonly #withdrawn = new Set<string>();
  #rounds = 0;
  #slowestMs = 0;
  #victim: Victim | undefined;

  private constructor(folder: string, config: string, kept: KilledStore, repository: RestlessRepository) {
    this.#folder = folder;
    this.#config = config;
    this.#kept = kept;
    this.#repository = repository;
    this.audit = new Audit(kept.store);
  }

  /** `folder` is for its files; `cleanUp` gets what ends it. */
  static async begin(folder: string, kept: KilledStore, cleanUp: (end: () => unknown) => void): Promise<Campaign> {
    const repository = await RestlessRepository.start();
    cleanUp(() => repository.offline());
    const config = join(folder, `${kept.kind}.yaml`);
    const upstreams = [{ name: 'nexus', url: repository.url, concurrency: 2, retries: 1 }];
    const log = { level: 'info', format: 'json' };
    // JSON is YAML
    const text = { server: { listen: '127.0.0.1:0', adminToken }, store: kept.config, upstreams, log };
    await writeFile(config, JSON.stringify(text));
    const campaign = new Campaign(folder, config, kept, repository);
    cleanUp(() => campaign.#victim?.server.kill9());
    return campaign;
  }

  get rounds(): number {
    return this.#rounds;
  }

  /** The longest that a server took from its start to being ready. */
  get slowestMs(): number {
    return this.#slowestMs;
  }

  /** One server, killed at its order. Answers whether it died of it; if not, it came to nothing of the kind. */
  async round(order: KillOrder): Promise<boolean> {
    this.#rounds += 1;
    const rival = new Rival(this.#kept.store, this.#rounds);
    const kill = await this.#switchOf(order, rival);
    const victim = order.settled ? await this.#startAndSettle(rival, kill) : await this.#startIntoNews(rival, kill);
    await Promise.all([this.#lifeUntil(order, victim), rival.use(kill.rival, () => victim.isGone())]);
    await rival.lookAgain(kill.rival);
    await this.audit.pass();
    if (victim.hit()) this.histogram.add(order.step, order.moment);
    return victim.hit();
  }

  /** One server, killed at any time. What was never seen cannot be missed: first it is looked at whole. */
  async roundAtAnyTime(): Promise<void> {
    this.#rounds += 1;
    await this.#news();
    const victim = await this.#start(undefined);
    await victim.server.logged(({ msg }) => msg === 'index rendered');
    await this.observer.look(victim.server.url, { fresh: true });
    setTimeout(() => victim.server.process.kill('SIGKILL'), Math.random() * 900);
    await Promise.all([this.#operate(victim), this.#watch(victim)]);
    await victim.gone();
    await this.audit.pass();
  }

  /** Nothing stands in the way of a round that nobody interrupts: everything comes, and stays without any upstream. */
  async end(): Promise<void> {
    const last = await this.#start(undefined);
    await this.#operate(last);
    const exitCode = await last.server.stop();
    if (exitCode !== 0) throw new Broken(`a server that was asked to end ended with ${exitCode}`);
    const { code, stdout, stderr } = await run(process.execPath, [main, 'sync', '--config', this.#config]);
    if (code !== 0) throw new Broken(`a sync that nobody interrupts ended with ${code}:\n${stdout}${stderr}`);
    await this.#repository.offline();
    const alone = await this.#start(undefined);
    await this.observer.look(alone.server.url, { fresh: true, again: Number.POSITIVE_INFINITY });
    await alone.server.stop();
    for (const one of this.#published.values()) {
      if (!this.#isSeen(one)) throw new Broken(`${one.path} is not all there`);
    }
    await this.audit.passAnew();
  }

  async #start(kill: KillSwitch | undefined): Promise<Victim> {
    const victim = await startVictim(this.#config, kill);
    this.#victim = victim;
    this.#slowestMs = Math.max(this.#slowestMs, victim.readyMs ?? 0);
    return victim;
  }

  async #switchOf(order: KillOrder, { hex }: Rival): Promise<KillSwitch> {
    const folder = await mkdtemp(join(this.#folder, 'kill-'));
    const file = (name: string): string => join(folder, name);
    const rival = { hex, asked: file('asked'), done: file('done') };
    return { ...order, armed: file('armed'), mark: file('mark'), rival };
  }

  async #startIntoNews(rival: Rival, kill: KillSwitch): Promise<Victim> {
    await this.#stir(rival, kill);
    return this.#start(kill);
  }

  async #startAndSettle(rival: Rival, kill: KillSwitch): Promise<Victim> {
    const victim = await this.#start(kill);
    await this.observer.look(victim.server.url, { fresh: true, again: 20 });
    await this.#stir(rival, kill);
    return victim;
  }

  /** There is news, and litter, and from now on the order counts. */
  async #stir(rival: Rival, kill: KillSwitch): Promise<void> {
    await this.#news();
    await litter(this.#kept);
    await rival.put();
    await writeFile(kill.armed, '');
  }

  /** New versions, a rewritten one, and every other time a withdrawn one. */
  async #news(): Promise<void> {
    const old = [...this.#published.values()].filter((one) => this.#isAtRest(one));
    for (const [at, chart] of charts.entries()) {
      const published = await this.#repository.publish(chart, `1.${this.#rounds}.0`, { signed: at !== 1 });
      this.#published.set(published.path, published);
    }
    const rewritten = old[(this.#rounds * 7) % Math.max(1, old.length)];
    if (rewritten) this.#rewritten.set(rewritten.path, await this.#repository.rewrite(rewritten));
    const withdrawn = old.find((one) => one !== rewritten);
    if (withdrawn && this.#rounds % 2 === 0) {
      this.#repository.withdraw(withdrawn);
      this.#withdrawn.add(withdrawn.path);
    }
  }

  /** Whether clients have all of it, and nothing is going on with it. */
  #isAtRest(one: Published): boolean {
    return this.#isSeen(one) && !this.#withdrawn.has(one.path) && !this.#rewritten.has(one.path);
  }

  #isSeen({ path, archive, provenance }: Published): boolean {
    return this.observer.seen(path) === archive && this.observer.seen(`${path}.prov`) === provenance;
  }

  async #lifeUntil(order: KillOrder, victim: Victim): Promise<void> {
    const timer = setTimeout(() => victim.server.process.kill('SIGKILL'), longestRoundMs);
    const operated = async () => {
      await this.#operate(victim);
      // a server that has settled writes its lease once more when it ends
      if (order.settled && order.step.endsWith('lease.json')) victim.server.process.kill('SIGTERM');
    };
    if (victim.readyMs !== undefined) await Promise.all([operated(), this.#watch(victim)]);
    await victim.gone();
    clearTimeout(timer);
  }

  #watch(victim: Victim): Promise<void> {
    return this.observer.lookUntilItLeaves(victim.server.url, { fresh: true, again: 3 });
  }

  /** What an operator does: syncs, and accepts what was rewritten. */
  async #operate(victim: Victim): Promise<void> {
    // one that is under way may have begun before the news
    for (const url of Array<string>(2).fill('/api/v1/upstreams/nexus/sync')) {
      const synced = await victim.post(url);
      if (synced && synced.status !== 200) throw new Broken(`a sync answered ${synced.status}: ${synced.text}`);
    }
    for (const one of this.#rewritten.values()) await this.#accept(victim, one);
  }

  async #accept(victim: Victim, one: Published): Promise<void> {
    const { chart, version, path, archive, provenance } = one;
    const files = [{ path, hex: archive }, ...(provenance ? [{ path: `${path}.prov`, hex: provenance }] : [])];
    for (const file of files) this.observer.mayBecome(file.path, file.hex);
    const answer = await victim.post(`/api/v1/upstreams/nexus/charts/${chart}/${version}/accept`);
    if (!answer) return;
    // an earlier server may have done it and died before it could say so
    const isDone = answer.status === 200 || answer.text.includes('is not a rewritten version');
    if (!isDone) throw new Broken(`accepting ${chart} ${version} answered ${answer.status}: ${answer.text}`);
    for (const file of files) this.observer.hasBecome(file.path, file.hex);
    this.#rewritten.delete(path);
    this.#published.set(path, one);
  }
}
