import type { Site } from '../internet.ts';
import { registryAnswer, tooManyForMirrors } from './registry-pages.ts';
import { registryError, type RegistryShelf } from './registry-shelf.ts';
import { basicOf } from './shelf.ts';

export interface NexusRegistryFixture {
  readonly shelf: RegistryShelf;
  readonly username: string;
  readonly password: string;
}

/** A connector of Nexus for one repository: Basic in capitals, nothing for strangers, no more than 1000 at once. */
export function nexusRegistry({ shelf, username, password }: NexusRegistryFixture): Site {
  return (request) => {
    if (request.headers.authorization !== basicOf(username, password)) {
      const challenge = 'BASIC realm="Sonatype Nexus Repository Manager"';
      const refused = registryError(401, 'UNAUTHORIZED', 'access to the requested resource is not authorized');
      const server = 'Nexus/3.83.0 (COMMUNITY)';
      return { ...refused, headers: { ...refused.headers, server, 'www-authenticate': challenge } };
    }
    return registryAnswer(shelf, request, { tooMany: tooManyForMirrors });
  };
}
