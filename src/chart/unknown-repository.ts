import { nearest } from '../lib/nearest.ts';
import { Fault } from './fault.ts';

/** What is said of a repository that there is not: 'not-found', with the one that was probably meant and those there are. */
export function unknownRepository(name: string, all: readonly string[]): Fault {
  const what = isSpeakable.test(name) ? `no repository ${name}` : 'no such repository';
  const [near] = nearest(name, all, 1);
  const meant = near === undefined ? '' : `Is ${near} meant? `;
  return new Fault(
    'not-found',
    `There is ${what} here.`,
    `${meant}There ${all.length === 1 ? 'is' : 'are'} ${all.join(', ')}.`,
  );
}

const isSpeakable = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
