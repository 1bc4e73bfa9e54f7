import { ArtifactFills } from './artifacts.ts';
import { Derivations } from './derivations.ts';
import { Fills, type FillParts } from './fill.ts';
import { ProvenanceFills } from './provenances.ts';
import { Restorations } from './restore.ts';
import { Verdicts, type Judge } from './verdicts.ts';

export interface FetchesParts extends FillParts {
  readonly judge: Judge;
}

/** What is fetched of chart versions, each once however many ask, and what is found out about it. */
export class Fetches {
  readonly archives: Fills;
  readonly provenances: ProvenanceFills;
  readonly artifacts: ArtifactFills;
  readonly restorations: Restorations;
  readonly verdicts: Verdicts;
  readonly derivations: Derivations;

  constructor(parts: FetchesParts) {
    this.archives = new Fills(parts);
    this.provenances = new ProvenanceFills(parts);
    this.artifacts = new ArtifactFills(parts);
    this.restorations = new Restorations(parts);
    const { provenances, restorations } = this;
    this.verdicts = new Verdicts({ ...parts, provenances, restorations });
    this.derivations = new Derivations(parts);
  }

  /** Resolves when nothing is being fetched. */
  async idle(): Promise<void> {
    const { archives, provenances, artifacts, restorations, verdicts, derivations } = this;
    await Promise.all(
      [archives, provenances, artifacts, restorations, verdicts, derivations].map((part) => part.idle()),
    );
  }
}
