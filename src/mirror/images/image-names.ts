import { LRUCache } from 'lru-cache';

import { isChartVersion, compareText } from '../../chart/version.ts';
import { isRepository, tagOf } from '../../formats/oci-manifest.ts';
import { inPieces } from '../../lib/at-once.ts';
import type { ImageLists, ImageName } from '../contract/images.ts';
import { notListed } from '../offering/refusals.ts';
import type { Repositories } from '../offering/repositories.ts';
import type { Offer } from '../offering/served.ts';
import { unheard } from '../reading/rulings.ts';

/** Lists of tags that are remembered of one repository. */
const maxRemembered = 2_000;

type Tags = readonly string[] | Promise<readonly string[]>;

interface Lists {
  charts: readonly string[] | undefined;
  readonly tags: LRUCache<string, Tags>;
}

/** What the lists of charts show, as far as a registry can express it: the same lists while their offer stands. */
export class ImageNames implements ImageLists {
  readonly #repositories: () => Repositories;
  readonly #lists = new WeakMap<Offer, Lists>();

  constructor(repositories: () => Repositories) {
    this.#repositories = repositories;
  }

  charts(repository: string): readonly string[] {
    const offer = this.#listed(repository);
    const lists = this.#listsOf(offer);
    lists.charts ??= [...offer.shelf.groups()]
      .filter((chart) => isRepository(`${repository}/${chart}`))
      .sort(compareText);
    return lists.charts;
  }

  tags({ repository, chart }: ImageName): Tags {
    const offer = this.#listed(repository);
    if (!isRepository(`${repository}/${chart}`)) throw notListed(repository, chart);
    if (!offer.shelf.linesOf(chart)) throw notListed(repository, chart, unheard(offer, chart));
    const { tags } = this.#listsOf(offer);
    const known = tags.get(chart);
    if (known) return known;
    const making = tagsIn(offer, chart);
    tags.set(chart, making);
    return making.then((made) => {
      tags.set(chart, made);
      return made;
    });
  }

  /** An empty list by accident is no better than an empty index. */
  #listed(repository: string): Offer {
    const served = this.#repositories().find(repository);
    return served.rendering && served.offer;
  }

  #listsOf(offer: Offer): Lists {
    const known = this.#lists.get(offer);
    if (known) return known;
    const fresh = { charts: undefined, tags: new LRUCache<string, Tags>({ max: maxRemembered }) };
    this.#lists.set(offer, fresh);
    return fresh;
  }
}

/** There may be thousands, and each is read from its text. */
async function tagsIn({ selection }: Offer, chart: string): Promise<readonly string[]> {
  const tags: string[] = [];
  await inPieces(selection.listed(chart), ({ version }) => {
    const tag = tagOf(version.version);
    if (tag !== undefined) tags.push(tag);
  });
  return tags.sort(compareText);
}

/** The version a tag stands for, `_` read as `+`, as the other door has it by its exact text; undefined where it stands for none. */
export function versionOfTag(tag: string): string | undefined {
  const version = tag.replaceAll('_', '+');
  return isChartVersion(version) && tagOf(version) === tag ? version : undefined;
}
