import { parse, stringify } from 'yaml';

import { openConfigured, recipeOf, type Configured, type Surroundings } from '../configured.ts';

interface Recipe {
  readonly upstreams: readonly { readonly name: string }[];
}

/** The upstream of that name in a product's recipe, followed to the letter; `url` is where a real server is in its place. */
export async function openNamed(
  product: string,
  name: string,
  surroundings: Surroundings & { readonly url?: string },
): Promise<Configured> {
  const recipe = parse(await recipeOf(product)) as Recipe;
  const { url } = surroundings;
  const named = recipe.upstreams.filter((upstream) => upstream.name === name);
  const upstreams = named.map((upstream) => ({ ...upstream, ...(url !== undefined && { url }) }));
  return openConfigured(stringify({ ...recipe, upstreams }), surroundings);
}
